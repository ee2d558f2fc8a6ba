import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'

/** The part of the SDK's request that goes on the wire; headers are signed already. */
export interface WireRequest {
  readonly protocol: string
  readonly hostname: string
  readonly port?: number
  readonly method: string
  readonly path: string
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>
  readonly headers: Readonly<Record<string, string>>
  readonly body?: unknown
  /** Ends the request; set by the client's middleware. */
  readonly signal?: AbortSignal
}

export interface WireResponse {
  readonly statusCode: number
  readonly headers: Record<string, string>
  readonly body: IncomingMessage
}

/** Clock differences below it are the resolution of the header `Date`, in milliseconds. */
const CLOCK_TOLERANCE_MS = 2_000

/**
 * The SDK's request handler over node:http(s), for bodies that are in memory: keeps connections, gives up on a store that is
 * silent for too long, and notes how far the store's clock is from ours. The SDK's own handler does the same and more (streams as
 * bodies, Expect: 100-continue, warnings by timers) for a tenth more CPU a call (bench/aws-s3.mjs).
 */
export class Transport {
  readonly metadata = { handlerProtocol: 'http/1.1' }
  /** What to add to our clock to have the store's, in milliseconds; 0 while they agree within two seconds. */
  clockOffsetMs = 0
  readonly #http: HttpAgent
  readonly #https: HttpsAgent

  constructor(
    maxSockets: number,
    private readonly silenceMs: number,
  ) {
    // The agent's timeout is one of silence: for a connection in use as for one that waits for its next request.
    const options = { keepAlive: true, maxSockets, timeout: silenceMs, scheduling: 'lifo' } as const
    this.#http = new HttpAgent(options)
    this.#https = new HttpsAgent(options)
  }

  handle(wire: WireRequest): Promise<{ response: WireResponse }> {
    const { signal } = wire
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(asError(signal.reason))
      const request = this.#open(wire)
      const onAbort = (): void => void request.destroy(asError(signal?.reason))
      signal?.addEventListener('abort', onAbort, { once: true })
      request.once('response', (response: IncomingMessage) => {
        this.#note(response.headers.date)
        // From here on the body's reader watches over silence and the signal.
        request.removeAllListeners('timeout')
        resolve({ response: { statusCode: response.statusCode ?? 0, headers: flat(response.headers), body: response } })
      })
      request.once('timeout', () => request.destroy(silent(this.silenceMs)))
      request.on('error', (error) => reject(error))
      request.once('close', () => {
        signal?.removeEventListener('abort', onAbort)
        reject(Object.assign(new Error('the connection was closed before an answer'), { code: 'ECONNRESET' }))
      })
      request.end(wire.body instanceof Uint8Array || typeof wire.body === 'string' ? wire.body : undefined)
    })
  }

  #open({ protocol, hostname, port, method, path, query, headers }: WireRequest): ClientRequest {
    const secure = protocol === 'https:'
    const options = {
      agent: secure ? this.#https : this.#http,
      // An IPv6 address stands in brackets in a URL, and without them here.
      host: hostname.startsWith('[') ? hostname.slice(1, -1) : hostname,
      port,
      method,
      path: path + queryOf(query),
      headers: headers as OutgoingHttpHeaders,
    }
    return secure ? httpsRequest(options) : httpRequest(options)
  }

  #note(date: string | undefined): void {
    const at = date === undefined ? Number.NaN : Date.parse(date)
    if (Number.isNaN(at)) return
    const offset = at - Date.now()
    this.clockOffsetMs = Math.abs(offset) < CLOCK_TOLERANCE_MS ? 0 : offset
  }

  /** The SDK hands its own settings of a handler to it; this one has all that it needs. */
  updateHttpClientConfig(): void {}

  httpHandlerConfigs(): Record<string, never> {
    return {}
  }

  destroy(): void {
    this.#http.destroy()
    this.#https.destroy()
  }
}

/** An answer that does not come, in the SDK's word. */
export function silent(ms: number): Error {
  return Object.assign(new Error(`the store was silent for ${ms} ms (PDVEND_BLOB_REQUEST_TIMEOUT_MS)`), { name: 'TimeoutError' })
}

function queryOf(query: WireRequest['query']): string {
  if (query === undefined) return ''
  const pairs = Object.entries(query).flatMap(([name, value]) => {
    if (value === null) return [encode(name)]
    return [value].flat().map((each) => `${encode(name)}=${encode(each as string)}`)
  })
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

/** As Signature Version 4 wants it, which leaves fewer characters alone than `encodeURIComponent`. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
}

function flat(headers: IncomingMessage['headers']): Record<string, string> {
  const result: Record<string, string> = {}
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined) result[name] = typeof value === 'string' ? value : value.join(', ')
  }
  return result
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('aborted', { cause: reason })
}
