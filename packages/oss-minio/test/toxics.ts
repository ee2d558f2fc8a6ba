import { startEngine } from '@pdvend/engines'

/** What may happen to a connection; rates in KiB a second, times in milliseconds. */
export interface Toxic {
  readonly type: 'latency' | 'bandwidth' | 'timeout' | 'limit_data' | 'reset_peer' | 'slow_close'
  readonly stream: 'upstream' | 'downstream'
  readonly attributes: Readonly<Record<string, number>>
}

/** A network that breaks on request, between a client and one address. */
export interface Network {
  /** `127.0.0.1:<port>` */
  readonly address: string
  /** Until it is called again or {@link heal}. */
  infect(toxic: Toxic): Promise<void>
  /** Takes the way away altogether, cutting what is open. */
  cut(): Promise<void>
  heal(): Promise<void>
  stop(): Promise<void>
}

export async function network(upstream: string): Promise<Network> {
  const engine = await startEngine('toxiproxy')
  const call = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const answer = await fetch(`${engine.url}${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }
  const { listen } = (await call('POST', '/proxies', { name: 'store', listen: '127.0.0.1:0', upstream, enabled: true })) as {
    listen: string
  }
  return {
    address: listen,
    infect: async (toxic) => void (await call('POST', '/proxies/store/toxics', { name: `${toxic.type}-${toxic.stream}`, ...toxic })),
    cut: async () => void (await call('POST', '/proxies/store', { enabled: false })),
    heal: async () => {
      await call('POST', '/proxies/store', { enabled: true })
      await call('POST', '/reset')
    },
    stop: () => engine.stop(),
  }
}
