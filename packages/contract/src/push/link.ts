import { connect, createServer, type Server, type Socket } from 'node:net'
import type { DeviceConnection } from '@pdvend/ports'
import type { PushSubject } from './kit.js'

/** The network between a device and the broker, in the hands of the case. */
export interface NetworkLink {
  /** The connection by way of this link. */
  via(connection: DeviceConnection): DeviceConnection
  /** Breaks what is connected. */
  cut(): void
  /** Breaks it and lets nothing through until `mend`. */
  down(): void
  /** Half-open: both sides stay connected, nothing passes either way. */
  freeze(): void
  mend(): void
}

/** Starts a link for plain MQTT over TCP and WebSocket. */
export async function networkLink(subject: PushSubject): Promise<NetworkLink> {
  const pairs = new Set<readonly [Socket, Socket]>()
  let target: { readonly host: string; readonly port: number } | undefined
  let state: 'open' | 'down' | 'frozen' = 'open'

  const server: Server = createServer((near) => {
    near.on('error', () => {})
    if (state === 'down' || target === undefined) return void near.destroy()
    const far = connect(target)
    const pair = [near, far] as const
    pairs.add(pair)
    const end = (): void => {
      pairs.delete(pair)
      near.destroy()
      far.destroy()
    }
    far.on('error', () => {})
    near.once('close', end)
    far.once('close', end)
    near.pipe(far)
    far.pipe(near)
    if (state === 'frozen') still(pair)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  server.unref()
  const { port } = server.address() as { port: number }
  const cut = (): void => {
    for (const [near, far] of pairs) {
      near.resetAndDestroy()
      far.resetAndDestroy()
    }
  }
  subject.defer(() => {
    cut()
    return new Promise((resolve) => server.close(resolve))
  })
  return {
    via(connection) {
      const url = connection.urls.find((candidate) => /^(mqtt|ws):/.test(candidate))
      if (url === undefined) throw new Error(`no plain address among ${connection.urls.join(', ')}`)
      const { protocol, hostname, port: farPort, pathname } = new URL(url)
      target = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(farPort || (protocol === 'ws:' ? 80 : 1883)) }
      return { ...connection, urls: [`${protocol}//127.0.0.1:${port}${protocol === 'ws:' ? pathname : ''}`] }
    },
    cut,
    down() {
      state = 'down'
      cut()
    },
    freeze() {
      state = 'frozen'
      for (const pair of pairs) still(pair)
    },
    mend() {
      state = 'open'
      for (const [near, far] of pairs) {
        near.pipe(far)
        far.pipe(near)
      }
    },
  }
}

function still([near, far]: readonly [Socket, Socket]): void {
  near.unpipe(far).pause()
  far.unpipe(near).pause()
}
