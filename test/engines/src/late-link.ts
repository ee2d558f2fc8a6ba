import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A way to an engine whose answers come late, and which knows who is connected. */
export interface LateLink {
  /** On 127.0.0.1. */
  readonly port: number
  /** Sockets that are open, two for each connection. */
  readonly open: number
  stop(): void
}

/** Leads to `host:port`; each answer takes `delayMs`. */
export async function startLateLink(host: string, port: number, delayMs: number): Promise<LateLink> {
  const open = new Set<Socket>()
  const server = createServer((near) => {
    const there = connect(port, host)
    for (const socket of [near, there]) {
      open.add(socket)
      socket.on('error', () => {}).once('close', () => [near, there].forEach((end) => open.delete(end.destroy())))
    }
    near.pipe(there)
    there.on('data', (bytes) => setTimeout(() => near.write(bytes), delayMs))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    get open() {
      return open.size
    },
    stop() {
      server.close()
      for (const socket of open) socket.destroy()
    },
  }
}
