import {
  backoffMs,
  type Clock,
  decodeDown,
  type DeviceConnection,
  encodeFrame,
  type InputOf,
  type MessageDefinition,
  type OutputOf,
  PortError,
  type RetryPolicy,
  type StandardSchema,
  sleep,
  systemClock,
  type UpFrame,
} from '@pdvend/ports/wire'
import { Answers, Methods, type RequestHandler } from './answers.js'
import { type DeviceMessage, type Handler, Handlers } from './handlers.js'
import { type Failure, Inbox } from './inbox.js'
import { indexedDbStore } from './indexed-db-store.js'
import { asPortError, isDenial, Link } from './link.js'
import { Memory } from './memory.js'
import { Outbox } from './outbox.js'
import { type DeviceStatus, Listeners, StatusLine } from './status.js'
import { type DeviceStore, memoryStore } from './store.js'

export interface DeviceOptions {
  /** Fetches a connection from the app, as `push.credentials.issue` made it. Called at start, before it ends, and after a refusal. */
  readonly connection: () => Promise<DeviceConnection>
  /** What survives a restart. Default: in a browser an IndexedDB database named by the device, open once the first connection has come; else memory; in Node give `fileStore(path)` of `@pdvend/device/node`. */
  readonly store?: DeviceStore
  /** Default: `ws` where there is a `window` or a worker's `importScripts`, else `tcp`. */
  readonly transport?: 'tcp' | 'ws'
  /** When a handler that threw runs again. Default 5 attempts, 200 ms to 30 s. Then the message is parked with the receipt `failed` [P17]. */
  readonly retry?: Partial<RetryPolicy>
  /** Wait before a new connection: exponential with full jitter. Default 250 ms to 30 s. */
  readonly reconnect?: Partial<RetryPolicy>
  /** How often an idle device asks whether it missed something, in milliseconds. Default 30,000. */
  readonly heartbeatMs?: number
  readonly clock?: Clock
  /** Source of jitter, 0 to 1. Default Math.random. */
  readonly random?: () => number
}

export interface OnOptions {
  /** Gets what does not fit the message's schema, e.g. from a newer app [P11]; the message then counts as failed. */
  readonly invalid?: (error: PortError, body: unknown) => unknown
}

export interface SendOptions {
  readonly id?: string
  /** Default: the definition's, else one day. */
  readonly ttlMs?: number
}

/** A terminal's side of push. */
export interface Device extends AsyncDisposable {
  readonly status: DeviceStatus
  /** Why the status is what it is, where there is a reason. */
  readonly lastError: PortError | undefined
  /**
   * Handles a message. Messages are handled one at a time in the order of publishing; each is acknowledged after all its
   * handlers have resolved, and tried again with backoff when one throws. Register before the first await: what nobody
   * handles counts as failed.
   */
  on<S extends StandardSchema>(
    message: MessageDefinition<S>,
    handler: (body: OutputOf<S>, message: DeviceMessage) => unknown,
    options?: OnOptions,
  ): () => void
  /**
   * Sends to the app. Kept in the store until the app's handler is done; resolves then. @throws INVALID_ARGUMENT the app
   * refused it | DEADLINE_EXCEEDED its ttl is over | CLOSED (it goes out after the restart)
   */
  send<S extends StandardSchema>(message: MessageDefinition<S>, body: InputOf<S>, options?: SendOptions): Promise<void>
  /** Answers `push.request`. Each request runs once, also when it arrives again [P45]. */
  onRequest<S extends StandardSchema>(
    method: MessageDefinition<S>,
    handler: (body: OutputOf<S>, request: { readonly id: string; readonly method: string; readonly deadline: Date }) => unknown,
  ): () => void
  onRequest(
    method: string,
    handler: (body: unknown, request: { readonly id: string; readonly method: string; readonly deadline: Date }) => unknown,
  ): () => void
  onStatus(listener: (status: DeviceStatus, reason: PortError | undefined) => void): () => void
  /** The app can no longer tell what this device missed: fetch the current state anew [P27]. */
  onResync(listener: (streams: readonly string[]) => void): () => void
  /** A message was parked or came too late. */
  onFailure(listener: (failure: Failure) => void): () => void
  /** Connects now: cuts a wait short, or takes the device back after `takenOver`. */
  resume(): void
  /** Idempotent: says goodbye, keeps the store. */
  close(): Promise<void>
}

/** Connects as a device; returns at once, `status` tells how it goes. */
export function connectDevice(options: DeviceOptions): Device {
  return new ConnectedDevice(options)
}

class ConnectedDevice implements Device {
  readonly #handlers = new Handlers()
  readonly #methods = new Methods()
  readonly #status = new StatusLine()
  readonly #resync = new Listeners<[readonly string[]]>()
  readonly #failures = new Listeners<[Failure]>()
  readonly #opened: Promise<Parts>
  #lastError: PortError | undefined
  #closing: Promise<void> | undefined
  readonly #ended = new AbortController()

  constructor(options: DeviceOptions) {
    this.#status.listeners.add((_status, reason) => (this.#lastError = reason))
    this.#opened = this.#open(options)
    this.#opened.catch((error: unknown) => {
      this.#status.set(
        'offline',
        new PortError('INTERNAL', { operation: 'connect', detail: 'the device store cannot be read', cause: error }),
      )
    })
  }

  get status(): DeviceStatus {
    return this.#status.get()
  }

  get lastError(): PortError | undefined {
    return this.#lastError
  }

  on<S extends StandardSchema>(
    message: MessageDefinition<S>,
    handler: (body: OutputOf<S>, message: DeviceMessage) => unknown,
    options: OnOptions = {},
  ): () => void {
    return this.#handlers.add({ definition: message, handler: handler as Handler, invalid: options.invalid })
  }

  async send<S extends StandardSchema>(message: MessageDefinition<S>, body: InputOf<S>, options: SendOptions = {}): Promise<void> {
    if (this.#closing !== undefined) throw new PortError('CLOSED', { operation: 'send', detail: 'the device is closed' })
    const { outbox } = await this.#opened
    await outbox.send(message, body, options)
  }

  onRequest(method: string | MessageDefinition, handler: (body: never, request: never) => unknown): () => void {
    return this.#methods.handle(method, handler as RequestHandler)
  }

  onStatus(listener: (status: DeviceStatus, reason: PortError | undefined) => void): () => void {
    return this.#status.listeners.add(listener)
  }

  onResync(listener: (streams: readonly string[]) => void): () => void {
    return this.#resync.add(listener)
  }

  onFailure(listener: (failure: Failure) => void): () => void {
    return this.#failures.add(listener)
  }

  resume(): void {
    void this.#opened.then(({ link }) => link.resume())
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#ended.abort(new Error('closed'))
    const parts = await this.#opened.catch(() => undefined)
    if (parts === undefined) return
    await parts.inbox.close()
    parts.outbox.close()
    await parts.link.close()
    await parts.memory.close()
    this.#status.set('offline')
  }

  /** [P1] Two tills in one browser must not share a memory: the default store is named by the device, which the app says. */
  async #firstConnection(
    connection: DeviceOptions['connection'],
    clock: Clock,
    reconnect: RetryPolicy,
    random: () => number,
  ): Promise<DeviceConnection | undefined> {
    for (let attempt = 1; this.#closing === undefined; attempt++) {
      try {
        return await connection()
      } catch (error) {
        const denied = isDenial(error)
        this.#status.set(denied ? 'denied' : 'offline', asPortError(error, denied ? 'PERMISSION_DENIED' : 'UNAVAILABLE'))
        await sleep(clock, backoffMs(reconnect, attempt, random), this.#ended.signal).catch(() => {})
      }
    }
    return undefined
  }

  async #open(options: DeviceOptions): Promise<Parts> {
    const { clock = systemClock, random = Math.random, heartbeatMs = 30_000 } = options
    const retry = { maxAttempts: 5, firstMs: 200, maxMs: 30_000, ...options.retry }
    const reconnect = { maxAttempts: Infinity, firstMs: 250, maxMs: 30_000, ...options.reconnect }
    let first: DeviceConnection | undefined
    if (options.store === undefined && 'indexedDB' in globalThis)
      first = await this.#firstConnection(options.connection, clock, reconnect, random)
    const memory = await Memory.open(
      options.store ?? (first === undefined ? memoryStore() : indexedDbStore(`pdvend-device-${first.device}`)),
    )
    let device = ''
    /** The app knows the device in a group for which it has no grant; it has been told so, or `renew` got lost. */
    let missedGrant = false
    const send = (frame: UpFrame, instance = 'app'): Promise<void> => link.publish(instance, encodeFrame(frame))
    const inbox = new Inbox({
      clock,
      memory,
      handlers: this.#handlers,
      retry,
      random,
      heartbeatMs,
      send,
      resyncing: (state) => this.#status.set(state ? 'resyncing' : 'online'),
      lost: (streams) => this.#resync.tell(streams),
      grouped: (groups) => {
        const lacking = link.lacks(groups)
        // Asked for once: an app that has nothing newer would be asked for ever.
        if (lacking && !missedGrant) renew()
        missedGrant = lacking
      },
      failed: (failure) => this.#failures.tell(failure),
    })
    const renew = (): void => {
      link.regrant().then(
        (live) => live && inbox.connected(),
        // The old grants hold; that groups are missing shows at the next heartbeat.
        () => (missedGrant = false),
      )
    }
    const now = (): number => inbox.now()
    const outbox = new Outbox({ clock, memory, random, now, send, device: () => device })
    const answers = new Answers({ clock, memory, methods: this.#methods, now, send, device: () => device })
    const link = new Link({
      clock,
      random,
      reconnect,
      status: this.#status,
      transport: options.transport ?? (inBrowser() ? 'ws' : 'tcp'),
      connection: () => {
        const connection = first
        first = undefined
        return connection === undefined ? options.connection() : Promise.resolve(connection)
      },
      now,
      renewed: (connection) => {
        device = connection.device
        inbox.setClock(Date.parse(connection.issuedAt))
      },
      received: (bytes) => take(bytes, inbox, outbox, answers, link, renew),
      connected: () => {
        inbox.connected()
        outbox.connected()
      },
      disconnected: () => {
        inbox.disconnected()
        outbox.disconnected()
      },
    })
    if (this.#closing === undefined) link.start()
    return { memory, inbox, outbox, answers, link }
  }
}

interface Parts {
  readonly memory: Memory
  readonly inbox: Inbox
  readonly outbox: Outbox
  readonly answers: Answers
  readonly link: Link
}

function take(bytes: Uint8Array, inbox: Inbox, outbox: Outbox, answers: Answers, link: Link, renew: () => void): void {
  let frame: ReturnType<typeof decodeDown>
  try {
    frame = decodeDown(bytes)
  } catch {
    // A newer app's frame: what matters in it comes again by way of the journal.
    return
  }
  if (frame.kind === 'settled') outbox.settled(frame)
  else if (frame.kind === 'takenOver') link.takenOver(frame.client)
  else if (frame.kind === 'rollCall') link.answerRollCall()
  else if (frame.kind === 'renew') renew()
  else if (frame.kind === 'request') answers.take(frame).catch(() => {})
  else inbox.take(frame)
}

function inBrowser(): boolean {
  return 'window' in globalThis || 'importScripts' in globalThis
}
