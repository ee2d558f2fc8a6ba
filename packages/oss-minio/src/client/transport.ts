import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { TransportError } from './transport-error.js'

/** How the connections are made. */
export interface TransportOptions {
  readonly secure: boolean
  readonly host: string
  readonly port: number
  /** Connections at once; further requests wait. */
  readonly connections: number
  /** Longest time to a connection, its TLS included, in milliseconds. */
  readonly connectTimeoutMs: number
  /** Longest silence while bytes or an answer are awaited, in milliseconds. */
  readonly idleTimeoutMs: number
  /** Certificates to trust instead of the system's, PEM. */
  readonly ca?: string
}

export interface WireRequest {
  readonly method: string
  /** Path and query, encoded. */
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  /** Sent in this order; none = an empty body. */
  readonly body?: readonly Uint8Array[]
  readonly signal: AbortSignal
}

/** An answer whose body was not read yet: read it or destroy it, else its connection is never free again. */
export interface WireAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly message: IncomingMessage
}

/** A larger body is written in pieces, so that one sees whether it moves, and only when the store has said that it wants it. */
const PIECE_BYTES = 262_144

/** A store that does not say so within this time gets the body all the same, in milliseconds. */
const CONTINUE_MS = 1_000

/** A kept connection that was idle for so long is closed by us, before a store or a proxy does it under our next request. */
const KEEP_ALIVE_MS = 8_000

/**
 * One pool of connections and what the vendor clients lack around it: every wait has an end (connect, silence), an abort frees the
 * connection at once, a body is written no faster than it is taken, an early answer stops the sending, and nothing is tried twice.
 */
export class Transport {
  readonly #agent: HttpAgent
  readonly #request: typeof httpRequest

  constructor(private readonly options: TransportOptions) {
    const { secure, connections, ca } = options
    const pool = {
      keepAlive: true,
      maxSockets: connections,
      maxFreeSockets: connections,
      scheduling: 'lifo' as const,
      timeout: KEEP_ALIVE_MS,
    }
    this.#agent = secure ? new HttpsAgent({ ...pool, ...(ca === undefined ? {} : { ca }) }) : new HttpAgent(pool)
    this.#request = secure ? httpsRequest : httpRequest
  }

  /** Resolves with the head of the answer. @throws TransportError | the signal's reason */
  send({ method, target, headers, body = [], signal }: WireRequest): Promise<WireAnswer> {
    const { host, port } = this.options
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error)
      const large = body.length > 1 || (body[0]?.byteLength ?? 0) > PIECE_BYTES
      // A refusal that comes while the body is under way is lost with the connection, so it is asked for first.
      const sent = large ? { ...headers, expect: '100-continue' } : headers
      const request = this.#request({ host, port, method, path: target, headers: sent, agent: this.#agent, setHost: false })
      const watch = new Watch(request, this.options)
      const done = (): void => {
        watch.stop()
        signal.removeEventListener('abort', onAbort)
      }
      const fail = (error: Error): void => {
        done()
        reject(error)
        request.destroy()
      }
      const onAbort = (): void => fail(signal.reason as Error)
      signal.addEventListener('abort', onAbort)
      watch.start(fail)
      request.on('response', (message) => {
        done()
        resolve({ status: message.statusCode!, headers: message.headers, message })
        // An answer before the end of the body is a refusal: the rest is not sent, and the connection not used again.
        if (!request.writableFinished && message.statusCode! >= 300) message.once('close', () => request.destroy())
      })
      // After the answer is here, an error is the body's and reported there.
      request.on('error', (error) => fail(new TransportError(error, request.writableFinished)))
      if (large) whenWanted(request, () => write(request, body))
      else request.end(body[0])
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

/** Ends a request that gets no connection, or on whose connection nothing moves. */
class Watch {
  #timer: ReturnType<typeof setTimeout> | undefined
  #moved = -1

  constructor(
    private readonly request: ClientRequest,
    private readonly options: TransportOptions,
  ) {}

  start(fail: (error: Error) => void): void {
    const { connectTimeoutMs, idleTimeoutMs } = this.options
    const silent = (): void => {
      const socket = this.request.socket
      const moved = (socket?.bytesWritten ?? 0) - (socket?.writableLength ?? 0) + (socket?.bytesRead ?? 0)
      if (moved === this.#moved) fail(TransportError.silent(idleTimeoutMs, this.request.writableFinished))
      else {
        this.#moved = moved
        this.#timer = setTimeout(silent, idleTimeoutMs)
      }
    }
    const onConnect = (): void => {
      clearTimeout(this.#timer)
      this.#timer = setTimeout(silent, idleTimeoutMs)
    }
    // Waiting for a free connection is bounded by the call's own deadline, connecting by ours.
    this.request.once('socket', (socket) => {
      if (!socket.connecting) return onConnect()
      this.#timer = setTimeout(() => fail(TransportError.noConnection(connectTimeoutMs)), connectTimeoutMs)
      socket.once(this.options.secure ? 'secureConnect' : 'connect', () => this.#timer !== undefined && onConnect())
    })
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}

/** Runs `go` once, when the store says 100, or says nothing; not when it has answered. */
function whenWanted(request: ClientRequest, go: () => void): void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let over = false
  // Once: a 100 may come after the wait for it has ended, and a body that is sent twice would be the next request's head.
  const end = (wanted: boolean): void => {
    clearTimeout(timer)
    if (!over && wanted && !request.destroyed) go()
    over = true
  }
  request.once('socket', () => {
    if (!over) timer = setTimeout(() => end(true), CONTINUE_MS)
  })
  request.once('continue', () => end(true))
  request.once('response', () => end(false))
  request.once('close', () => end(false))
  request.flushHeaders()
}

function write(request: ClientRequest, body: readonly Uint8Array[]): void {
  const pieces = cut(body)
  const next = (): void => {
    for (;;) {
      if (request.destroyed || request.writableEnded) return
      const { value, done } = pieces.next()
      if (done === true) return void request.end()
      if (!request.write(value)) return void request.once('drain', next)
    }
  }
  next()
}

function* cut(body: readonly Uint8Array[]): Generator<Uint8Array, void> {
  for (const chunk of body) for (let at = 0; at < chunk.byteLength; at += PIECE_BYTES) yield chunk.subarray(at, at + PIECE_BYTES)
}
