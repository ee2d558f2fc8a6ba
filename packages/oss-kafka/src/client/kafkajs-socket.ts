import net, { isIP, type Socket } from 'node:net'
import tls from 'node:tls'
import type { ISocketFactory } from 'kafkajs'

/** As kafkajs's own sockets have it. */
const KEEP_ALIVE_MS = 60_000
const LENGTH_BYTES = 4

/**
 * Sockets that hand over whole answers only. kafkajs 2.2.4 keeps the beginning of an answer whose connection broke, puts the next
 * connection's bytes behind it, and throws on what it then reads in the socket's own event, where it ends the process.
 */
export function wholeAnswers(opened?: (socket: Socket) => void): ISocketFactory {
  return ({ host, port, ssl, onConnect }) => {
    const socket = ssl
      ? tls.connect({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...ssl }, onConnect)
      : net.connect({ host, port }, onConnect)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    const on = socket.on.bind(socket)
    socket.on = ((event: string, listener: (...args: unknown[]) => void) =>
      on(event, event === 'data' ? inFrames(socket, listener) : listener)) as Socket['on']
    opened?.(socket)
    return socket
  }
}

/** Calls `take` with whole frames, each being its length in four bytes and so many more. */
function inFrames(socket: Socket, take: (frames: Buffer) => void): (chunk: Buffer) => void {
  let held: Buffer[] = []
  let heldBytes = 0
  /** So many bytes must be there before it is worth a look. */
  let wanted = LENGTH_BYTES
  return (chunk) => {
    held.push(chunk)
    heldBytes += chunk.byteLength
    if (heldBytes < wanted) return
    const bytes = held.length === 1 ? chunk : Buffer.concat(held)
    let whole = 0
    wanted = LENGTH_BYTES
    while (bytes.byteLength - whole >= LENGTH_BYTES) {
      const end = whole + LENGTH_BYTES + bytes.readInt32BE(whole)
      if (end < whole + LENGTH_BYTES) return void socket.destroy(new Error('what came is not the Kafka protocol'))
      if (end > bytes.byteLength) {
        wanted = end - whole
        break
      }
      whole = end
    }
    held = whole === bytes.byteLength ? [] : [bytes.subarray(whole)]
    heldBytes = bytes.byteLength - whole
    if (whole === 0) return
    try {
      take(bytes.subarray(0, whole))
    } catch (error) {
      socket.destroy(error as Error)
    }
  }
}
