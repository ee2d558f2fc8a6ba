import { createServer, type AddressInfo } from 'node:net'
import { type RunningEngine, startEngine } from '@pdvend/engines'

/** One address of Toxiproxy, in front of another one. */
export interface Proxy {
  readonly port: number
  /** `timeout` of 0: half-open, what is sent waits until it is taken off; `reset_peer`; `latency`. */
  poison(type: 'timeout' | 'reset_peer' | 'latency', attributes: Readonly<Record<string, number>>): Promise<void>
  heal(): Promise<void>
  /** Breaks every connection and takes new ones at once. */
  cut(): Promise<void>
}

/** Starts Toxiproxy; `front` makes an address in front of a port of this machine. */
export async function startToxiproxy(): Promise<{ front(port: number): Promise<Proxy>; stop(): Promise<void> }> {
  const engine: RunningEngine = await startEngine('toxiproxy', { named: false })
  const call = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(`${engine.url}${path}`, { method, ...(body && { body: JSON.stringify(body) }) })
    if (!response.ok) throw new Error(`toxiproxy ${method} ${path}: ${response.status} ${await response.text()}`)
    return response.status === 204 ? undefined : response.json()
  }
  let count = 0
  return {
    async front(upstream) {
      const name = `p${++count}`
      const port = await freePort()
      await call('POST', '/proxies', { name, listen: `127.0.0.1:${port}`, upstream: `127.0.0.1:${upstream}`, enabled: true })
      let toxics: string[] = []
      return {
        port,
        async poison(type, attributes) {
          for (const stream of ['upstream', 'downstream']) {
            const toxic = `${type}-${stream}`
            await call('POST', `/proxies/${name}/toxics`, { name: toxic, type, stream, attributes })
            toxics.push(toxic)
          }
        },
        async heal() {
          for (const toxic of toxics) await call('DELETE', `/proxies/${name}/toxics/${toxic}`)
          toxics = []
        },
        async cut() {
          await call('POST', `/proxies/${name}`, { enabled: false })
          await call('POST', `/proxies/${name}`, { enabled: true })
        },
      }
    },
    stop: () => engine.stop(),
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
