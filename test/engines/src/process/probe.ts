import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** True when the address answers with a 2xx within a second. */
export async function httpOk(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(1_000) })
  await response.body?.cancel()
  return response.ok
}

/** One TCP exchange: sends `request`, returns the first bytes of the answer; throws when none comes within a second. */
export async function exchange(
  port: number,
  request: Uint8Array,
  enough: (answer: Buffer) => boolean = () => true,
  host = '127.0.0.1',
): Promise<Buffer> {
  const socket: Socket = connect({ port, host, timeout: 1_000 })
  try {
    socket.on('timeout', () => socket.destroy(new Error('no answer within a second')))
    await once(socket, 'connect')
    socket.write(request)
    let answer = Buffer.alloc(0)
    for await (const chunk of socket) {
      answer = Buffer.concat([answer, chunk as Buffer])
      if (enough(answer)) return answer
    }
    throw new Error('closed without an answer')
  } finally {
    socket.destroy()
  }
}
