import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws'
import { PortError, readSettings } from '@pdvend/ports'
import { directory } from '../directory.js'
import { reachable } from '../push/election.js'
import { MAX_PAYLOAD_BYTES } from '../push/limits.js'
import { Registry } from '../push/registry.js'

export interface PushUpgradeOptions {
  /** Where `PDVEND_LOCAL_DIR` is read, as the adapter reads it. Default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Path of the endpoint on the app's server. Default `/push`. */
  readonly path?: string
}

export interface PushUpgrade {
  /** For `server.on('upgrade', upgrade.handle)`. False = another path: not touched, so that another handler may take it. */
  readonly handle: (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean
  /** Ends what is connected. */
  close(): Promise<void>
}

/**
 * Lets pages reach the embedded broker through the app's own HTTP server and port: mount it, and give devices the address in
 * `DeviceConnection.urls` (or by `PDVEND_PUSH_URLS`). Works in any process of the data directory, whichever hosts the
 * broker. Credentials are checked by the broker, as everywhere.
 * @throws CONFIG_INVALID when `PDVEND_LOCAL_DIR` cannot be used
 */
export async function createPushUpgrade(options: PushUpgradeOptions = {}): Promise<PushUpgrade> {
  const { env = process.env, path = '/push' } = options
  const read = await readSettings({ directory }, env)
  if (read.problems !== undefined) {
    const detail = read.problems.map(({ env: name, got, wants }) => `${name}: got ${got}; ${wants}`).join('; ')
    throw new PortError('CONFIG_INVALID', { adapter: 'local-push', operation: 'open', detail })
  }
  const registry = await Registry.open(read.settings.directory)
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: 4 * MAX_PAYLOAD_BYTES,
    handleProtocols: (offered) => (offered.has('mqtt') ? 'mqtt' : false),
  })
  return {
    handle(request, socket, head) {
      // Cut by hand: URL throws on targets such as `//`, which in an event handler would end the process.
      if (request.url?.split('?', 1)[0] !== path) return false
      server.handleUpgrade(request, socket, head, (client) => join(client, registry))
      return true
    },
    async close() {
      for (const client of server.clients) client.terminate()
      server.close()
      await registry.close()
    },
  }
}

/** The bytes of one WebSocket to the host and back. */
function join(client: WebSocket, registry: Registry): void {
  const { address, tcpPort } = registry.host()
  const near = createWebSocketStream(client)
  const far = connect({ host: reachable(address), port: tcpPort, noDelay: true })
  // Either end takes the other along: a device sees a host that died as a lost connection, and comes back.
  near.on('error', () => {}).once('close', () => far.destroy())
  far.on('error', () => {}).once('close', () => client.terminate())
  near.pipe(far)
  far.pipe(near)
}
