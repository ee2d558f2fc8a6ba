import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { pipeline } from 'node:stream'

/** A way to MiniStack's IoT for clients that cannot choose their `Host` header. */
export interface IotDoor {
  /** REST, e.g. `http://127.0.0.1:41001`. */
  readonly url: string
  /** MQTT: `ws://127.0.0.1:41001/mqtt`. */
  readonly webSocketUrl: string
  /** Cuts all connections, as a network does; new ones are let in. */
  cut(): void
  stop(): Promise<void>
}

/** MiniStack 1.5.33 takes a WebSocket for MQTT by its host alone: `iot.<region>.` must be in it. */
const HOST = 'a1-ats.iot.us-east-1.amazonaws.com'
const MAX_HEAD_BYTES = 65_536

/** Passes everything on as it is, but gives WebSockets the host of AWS IoT, so signatures over the host cannot be checked behind it. */
export async function startIotDoor(target: string): Promise<IotDoor> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  const track = (socket: Socket): Socket => {
    sockets.add(socket)
    return socket.on('error', () => {}).once('close', () => sockets.delete(socket))
  }
  const server = createServer({ noDelay: true }, (client) => {
    track(client)
    let head = Buffer.alloc(0)
    const read = (bytes: Buffer): void => {
      head = Buffer.concat([head, bytes])
      if (head.includes('\r\n\r\n')) client.off('data', read)
      else if (head.byteLength > MAX_HEAD_BYTES) return void client.destroy()
      else return
      client.pause()
      const upstream = track(connect({ host: hostname, port: Number(port), noDelay: true }))
      upstream.write(withHost(head))
      pipeline(client, upstream, () => {})
      pipeline(upstream, client, () => {})
    }
    client.on('data', read)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const at = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const cut = (): void => sockets.forEach((socket) => socket.destroy())
  return {
    url: `http://${at}`,
    webSocketUrl: `ws://${at}/mqtt`,
    cut,
    async stop() {
      cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Latin 1 keeps every byte. */
function withHost(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1')
  const end = text.indexOf('\r\n\r\n')
  const head = text.slice(0, end)
  if (!/\r\nupgrade: *websocket/i.test(head)) return bytes
  return Buffer.from(head.replace(/\r\nhost:[^\r\n]*/i, `\r\nHost: ${HOST}`) + text.slice(end), 'latin1')
}
