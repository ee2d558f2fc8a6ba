import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Free ports on 127.0.0.1, below the range that the system gives to outgoing connections: a client that dials an engine which is
 * down must not be handed that very port, nor take it before the engine is back.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>()
  for (let attempts = 0; ports.size < count; attempts++) {
    if (attempts > 1_000) throw new Error('no free port between 20000 and 32000 on 127.0.0.1')
    const port = randomInt(20_000, 32_000)
    if (!ports.has(port) && (await isFree(port))) ports.add(port)
  }
  return [...ports]
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}
