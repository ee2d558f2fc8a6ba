import { startEngine, type LaunchOptions } from './launch.js'

/** What may be wrong with a link; `stream` is the direction, `downstream` being what comes from the engine. */
export type LinkFault =
  | { readonly type: 'latency'; readonly attributes: { readonly latency: number; readonly jitter?: number } }
  | { readonly type: 'bandwidth'; readonly attributes: { /** KB/s */ readonly rate: number } }
  /** Nothing passes, and after `timeout` ms the connection is closed; 0: never, a half-open connection. */
  | { readonly type: 'timeout'; readonly attributes: { readonly timeout: number } }
  | { readonly type: 'reset_peer'; readonly attributes: { readonly timeout: number } }
  /** The connection is closed after so many bytes. */
  | { readonly type: 'limit_data'; readonly attributes: { readonly bytes: number } }

/** A way to an engine that can be made bad: a Toxiproxy in between, of which each link has its own. */
export interface FaultyLink {
  /** `host:port` for clients; stays. */
  readonly address: string
  /** Leads to this `host:port` from now on. */
  leadTo(upstream: string): Promise<void>
  /** Adds a fault, until the returned function is called. */
  add(fault: LinkFault, stream?: 'upstream' | 'downstream'): Promise<() => Promise<void>>
  /** Closes all connections and refuses new ones, until the returned function is called. */
  cut(): Promise<() => Promise<void>>
  stop(): Promise<void>
}

const proxy = 'link'

/** Starts a link; where it leads may be said later, since some engines must know the address before they start. */
export async function startFaultyLink(upstream = '127.0.0.1:1', options: Pick<LaunchOptions, 'report'> = {}): Promise<FaultyLink> {
  const toxiproxy = await startEngine('toxiproxy', { ...options, named: false })
  const ask = async <T>(method: string, path: string, body?: object): Promise<T> => {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) }
    const response = await fetch(`${toxiproxy.url}${path}`, init)
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return (text === '' ? undefined : JSON.parse(text)) as T
  }
  const { listen } = await ask<{ listen: string }>('POST', '/proxies', { name: proxy, listen: '127.0.0.1:0', upstream, enabled: true })
  let faults = 0
  return {
    address: listen,
    leadTo: (to) => ask('POST', `/proxies/${proxy}`, { listen, upstream: to, enabled: true }),
    async add(fault, stream = 'downstream') {
      const name = `fault-${++faults}`
      await ask('POST', `/proxies/${proxy}/toxics`, { name, stream, ...fault })
      return () => ask('DELETE', `/proxies/${proxy}/toxics/${name}`)
    },
    async cut() {
      await ask('POST', `/proxies/${proxy}`, { enabled: false })
      return () => ask('POST', `/proxies/${proxy}`, { enabled: true })
    },
    stop: () => toxiproxy.stop(),
  }
}
