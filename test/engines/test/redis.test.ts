import { once } from 'node:events'
import { connect } from 'node:net'
import type { RunningEngine } from '../src/index.js'
import { describeEngine } from './lifecycle.js'

/** Sends one command after the password; returns the reply's lines. */
async function command(engine: RunningEngine, line: string): Promise<readonly string[]> {
  const { port, password } = new URL(engine.url)
  const socket = connect(Number(port), '127.0.0.1')
  try {
    await once(socket, 'connect')
    socket.write(`AUTH ${password}\r\n${line}\r\nQUIT\r\n`)
    const chunks: Buffer[] = []
    for await (const chunk of socket) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks).toString().split('\r\n')
  } finally {
    socket.destroy()
  }
}

await describeEngine({
  name: 'redis',
  put: async (engine, name) => void (await command(engine, `SET ${name} 1`)),
  has: async (engine, name) => (await command(engine, `EXISTS ${name}`))[1] === ':1',
})
