import { connect, type Socket } from 'node:net'
import { type Clock, type Logger, PortError, sleep } from '@pdvend/ports'
import { Broker, listen, type Listening } from './broker.js'
import type { HostRow, Registry } from './registry.js'

/** How long a host has to accept a connection on this machine, in milliseconds. */
const PROBE_MS = 1_000

export interface HostSettings {
  readonly host: string
  readonly tcpPort: number
  readonly wsPort: number
  readonly hosting: 'auto' | 'never'
}

/**
 * Finds the process that hosts the broker, or becomes it. A host that died left its row behind: nobody answers on its port,
 * and the first one to claim the row's epoch takes its place and, where they are free, its ports.
 */
export class Election {
  #broker: { readonly broker: Broker; readonly epoch: number } | undefined
  #deciding: Promise<HostRow> | undefined
  readonly #stopListening: () => void
  #closed = false

  constructor(
    private readonly registry: Registry,
    private readonly settings: HostSettings,
    private readonly instance: string,
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {
    this.#stopListening = registry.onChange(() => void this.#changed())
  }

  /** The host to connect to; only one decision runs at a time. */
  host(): Promise<HostRow> {
    this.#deciding ??= this.#decide().finally(() => (this.#deciding = undefined))
    return this.#deciding
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#stopListening()
    await this.#deciding?.catch(() => {})
    const mine = this.#broker
    if (mine === undefined) return
    this.#broker = undefined
    await mine.broker.close()
    await this.registry.release(mine.epoch)
  }

  async #decide(): Promise<HostRow> {
    for (let attempt = 1; ; attempt++) {
      if (this.#closed) throw new PortError('CLOSED', { adapter: 'local-push' })
      const row = this.registry.host()
      if (row.instance !== undefined && (this.#broker?.epoch === row.epoch || (await answers(row)))) return row
      const mine = await this.#standIfAllowed(row).catch((error: unknown) => {
        // A fixed port is taken, or the next host is yet to come: by now, or never.
        if (attempt < 60 && PortError.is(error, 'UNAVAILABLE')) return undefined
        throw error
      })
      if (mine !== undefined) return mine
      await sleep(this.clock, 20 + Math.random() * 80)
    }
  }

  async #standIfAllowed(former: HostRow): Promise<HostRow | undefined> {
    if (this.settings.hosting === 'auto') return this.#stand(former)
    throw new PortError('UNAVAILABLE', {
      adapter: 'local-push',
      operation: 'open',
      detail: 'no process hosts the broker and this one must not (PDVEND_PUSH_HOSTING=never): start the app that does',
    })
  }

  /** Tries to become host in place of the one in `former`. */
  async #stand(former: HostRow): Promise<HostRow | undefined> {
    const { host: address, tcpPort, wsPort } = this.settings
    const wanted = { address, tcpPort: tcpPort || former.tcpPort, wsPort: wsPort || former.wsPort }
    const listening = await listen(wanted, { tcp: tcpPort !== 0, ws: wsPort !== 0 })
    try {
      const epoch = await this.registry.claim(former.epoch, {
        instance: this.instance,
        address,
        tcpPort: listening.tcpPort,
        wsPort: listening.wsPort,
      })
      if (epoch === undefined) {
        await listening.close()
        return undefined
      }
      await this.#serve(listening, epoch)
      return this.registry.host()
    } catch (error) {
      await listening.close()
      throw error
    }
  }

  async #serve(listening: Listening, epoch: number): Promise<void> {
    const former = this.#broker
    this.#broker = undefined
    await former?.broker.close()
    this.#broker = { epoch, broker: await Broker.start(listening, this.registry, epoch, this.clock, this.log) }
    this.log.info(
      { port: 'push', address: listening.address, tcpPort: listening.tcpPort, wsPort: listening.wsPort, epoch },
      'hosting the push broker',
    )
  }

  /** Something changed: revoked credentials, or another host while this process was frozen. */
  async #changed(): Promise<void> {
    const mine = this.#broker
    if (mine === undefined || this.#closed) return
    if (this.registry.host().epoch === mine.epoch) return mine.broker.changed()
    this.#broker = undefined
    await mine.broker.close()
  }
}

/** Does somebody accept connections there? */
function answers({ address, tcpPort }: HostRow): Promise<boolean> {
  return new Promise((resolve) => {
    const socket: Socket = connect({ host: reachable(address), port: tcpPort, timeout: PROBE_MS })
    const end = (result: boolean): void => {
      socket.destroy()
      resolve(result)
    }
    socket
      .once('connect', () => end(true))
      .once('error', () => end(false))
      .once('timeout', () => end(false))
  })
}

/** Where this machine reaches a server that listens on `address`. */
export function reachable(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1'
  return address === '::' ? '::1' : address
}
