import { setMaxListeners } from 'node:events'
import { orAborted } from '../abort.js'
import type { CallOptions } from '../call.js'
import { Calls } from '../calls.js'
import { effective } from '../capabilities.js'
import { type ClockTimer, sleep } from '../clock.js'
import type { MessageDefinition } from '../define.js'
import type { DriverCall } from '../driver.js'
import { encodeEnvelope } from '../envelope.js'
import { invalid, PortError } from '../errors.js'
import { newId } from '../id.js'
import { backoffMs } from '../retry.js'
import { type InputOf, type OutputOf, type StandardSchema, validate } from '../schema.js'
import { Credentials } from './credentials.js'
import type { PushCapabilities, PushDriver } from './driver.js'
import { closedError, Inbound, type InboundHandler, type InboundMessage } from './inbound.js'
import type { PushJournal } from './journal.js'
import { checkSize, prepare, type Prepared } from './message.js'
import { checkedDevice, streamOf } from './names.js'
import { Nudges } from './nudges.js'
import type { PublishItem, PublishOptions, PushOptions, RequestOptions, Subscription } from './options.js'
import { PresenceView } from './presence-view.js'
import { Receipts } from './receipts.js'
import { Requests } from './requests.js'
import type { DeviceReceipt, PushOutcome, PushReceipt, PushStats, Target } from './types.js'
import { encodeFrame, errorText } from './wire.js'

const ALL: PushCapabilities = { journal: true, presence: true, request: true, receipts: true, credentials: true }

/**
 * Push messages to devices: addressed by target, kept in the journal until handled or past their ttl, in order for each
 * device, handled once. Any number of instances of the app may share one engine; each message of a device reaches one.
 */
export class PushNotifications implements AsyncDisposable {
  readonly capabilities: PushCapabilities
  /** Who is there. */
  readonly presence: PresenceView
  /** What lets devices in. */
  readonly credentials: Credentials
  readonly #driver: PushDriver
  readonly #journal: PushJournal | undefined
  readonly #calls: Calls
  readonly #source: string
  readonly #instance: string
  readonly #sendTimeoutMs: number
  readonly #receipts: Receipts
  readonly #requests = new Requests()
  readonly #inbound: Inbound
  readonly #nudges: Nudges | undefined
  readonly #ended = new AbortController()
  readonly #receiving: Promise<void>
  #expiring: ClockTimer | undefined
  #published = 0
  #dropped = 0
  #closing: Promise<void> | undefined

  constructor(driver: PushDriver, options: PushOptions = {}) {
    this.#driver = driver
    this.capabilities = effective(ALL, options.capabilities, driver.capabilities)
    this.#journal = this.capabilities.journal ? (options.journal ?? driver.journal) : undefined
    this.#calls = new Calls('push', options)
    this.#source = options.source ?? '/pdvend'
    this.#instance = options.instance ?? newId()
    this.#sendTimeoutMs = options.sendTimeoutMs ?? 1_000
    const { clock, log } = this.#calls
    const { signal } = this.#ended
    // Every answer to a device in flight listens to it.
    setMaxListeners(0, signal)
    this.#receipts = new Receipts(clock)
    this.#inbound = new Inbound(driver, this.#journal, this.#receipts, this.#requests, clock, log, signal)
    this.#nudges = this.#journal && new Nudges(driver, this.#journal.id, clock, signal)
    this.presence = new PresenceView(driver, this.#calls, this.capabilities)
    this.#receiving = this.#receive()
    this.#receiving.catch(() => {})
    this.credentials = new Credentials(driver, this.#journal, this.#calls, this.capabilities, () => this.#receiving)
    this.#expireEvery(options.expireEveryMs ?? 30_000)
  }

  /**
   * Sends `body` to a target. With the capability `journal`, `accepted` means: on disk, and delivered whatever is killed.
   * A `failed` or `expired` receipt resolves too: look at `state`.
   * @throws INVALID_ARGUMENT [P5] | TOO_LARGE [P9] | UNSUPPORTED | RATE_LIMITED when the device's queue is full and set to
   * refuse [P25] | DEADLINE_EXCEEDED with outcome `applied` when it was accepted but no receipt came in time | UNAVAILABLE
   */
  async publish<S extends StandardSchema>(
    to: Target,
    message: MessageDefinition<S>,
    body: InputOf<S>,
    options: PublishOptions & CallOptions = {},
  ): Promise<PushReceipt> {
    const prepared = await this.#prepare('publish', to, message, body, options)
    return this.#publish(prepared, options)
  }

  /** Publishes each item on its own, in the order given; the outcomes stand in the same order [P19]. */
  async publishMany(items: readonly PublishItem[], options: CallOptions = {}): Promise<readonly PushOutcome[]> {
    if (!Array.isArray(items)) throw invalid('items', items, 'give an array', { adapter: this.#calls.adapter, operation: 'publishMany' })
    const prepared = await Promise.allSettled(
      items.map(async (item: PublishItem) => {
        const { to, message, body, ...rest } = item ?? {}
        return this.#prepare('publishMany', to, message, body, rest)
      }),
    )
    return Promise.all(
      prepared.map(async (item): Promise<PushOutcome> => {
        if (item.status === 'rejected') return { error: this.#placed(item.reason, 'publishMany') }
        return this.#publish(item.value, options).then(
          (receipt) => ({ receipt }),
          (error: unknown) => ({ error: this.#placed(error, 'publishMany') }),
        )
      }),
    )
  }

  /**
   * Asks a device and gives its answer. The device runs its handler once, however often the request arrives [P45].
   * @throws UNAVAILABLE the device is offline, nothing was sent | DEADLINE_EXCEEDED no answer in time, outcome `unknown` |
   * INTERNAL its handler threw | UNSUPPORTED it has no handler | INVALID_ARGUMENT | TOO_LARGE [P42]
   */
  async request(device: string, method: string | MessageDefinition, body: unknown, options: RequestOptions): Promise<unknown> {
    const place = { adapter: this.#calls.adapter, operation: 'request' }
    this.#calls.require(this.capabilities, 'request', 'request')
    const target = checkedDevice(device, place)
    const timeoutMs = options?.timeoutMs
    if (!(timeoutMs > 0)) throw invalid('timeoutMs', timeoutMs, 'give a number of milliseconds above 0', place)
    const name = typeof method === 'string' ? method : method?.name
    if (typeof name !== 'string' || name.length === 0 || name.length > 64)
      throw invalid('method', method, 'give a name of 1 to 64 characters', place)
    const data = typeof method === 'string' ? body : await validate(method.body, body, `body of request ${name}`)
    const id = newId()
    const now = this.#calls.clock.now()
    const envelope = encodeEnvelope({
      id,
      type: name,
      source: this.#source,
      time: new Date(now),
      subject: streamOf({ device: target }),
      data: data ?? null,
    })
    checkSize(envelope.byteLength, this.#driver.limits, place)
    return this.#calls.run({ operation: 'request', target, options, repeat: 'never' }, async (call) => {
      await this.#receiving
      await this.#refuseOffline(target, call)
      const { answer, cancel } = this.#requests.expect(target, id)
      try {
        const sentAt = this.#calls.clock.now()
        const frame = encodeFrame({ kind: 'request', id, replyTo: this.#instance, expiresAt: sentAt + timeoutMs, sentAt, body: envelope })
        await this.#driver.send({ device: target }, frame, call)
        return await orAborted(answer, call.signal)
      } finally {
        cancel()
      }
    })
  }

  /**
   * Handles what devices send; each message reaches one instance of the app. The device is told when `handler` has resolved;
   * a handler that throws gets the message again after a while, until its ttl.
   */
  onMessage<S extends StandardSchema>(
    message: MessageDefinition<S>,
    handler: (body: OutputOf<S>, message: InboundMessage) => unknown,
  ): Subscription {
    if (this.#calls.closed) throw closedError(this.#calls.adapter)
    const close = this.#inbound.handle(message, handler as InboundHandler)
    return { close, [Symbol.dispose]: close }
  }

  /** What the journal knows of a message at each device that it was for [P17, P23, P41]; a handled one is forgotten after its ttl. */
  async receipts(id: string, options?: CallOptions): Promise<readonly DeviceReceipt[]> {
    this.#calls.require(this.capabilities, 'journal', 'receipts')
    const journal = this.#journal
    if (journal === undefined) return []
    return this.#calls.run({ operation: 'receipts', target: id, options }, (call) => journal.receipts(id, call))
  }

  /** Counters of this instance. */
  stats(): PushStats {
    return { published: this.#published, dropped: this.#dropped, lateAnswers: this.#requests.late, refusedInbound: this.#inbound.refused }
  }

  /** Asks the engine and the journal for a sign of life. */
  async ping(options?: CallOptions): Promise<void> {
    await this.#calls.run({ operation: 'ping', options }, async (call) => {
      await this.#driver.ping(call)
      await this.#journal?.ping(call)
    })
  }

  /** Idempotent: refuses new calls, lets running handlers end, disconnects. Devices stay connected to the engine where it outlives us. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#calls.shut()
    this.#expiring?.cancel()
    this.#nudges?.close()
    const error = closedError(this.#calls.adapter)
    this.#receipts.close(error)
    this.#requests.close(error)
    await Promise.race([this.#inbound.idle(), sleep(this.#calls.clock, 10_000)])
    this.#ended.abort(error)
    await this.#receiving.catch(() => {})
    this.presence.close()
    await this.#driver.close()
    await this.#journal?.close()
  }

  #prepare(operation: string, to: Target, message: MessageDefinition, body: unknown, options: PublishOptions): Promise<Prepared> {
    const place = { adapter: this.#calls.adapter, operation }
    if (options.waitFor === 'received' || options.waitFor === 'handled') this.#calls.require(this.capabilities, 'receipts', operation)
    return prepare({ limits: this.#driver.limits, source: this.#source, now: this.#calls.clock.now(), place }, to, message, body, options)
  }

  async #publish({ to, entry, nowOrNever }: Prepared, options: PublishOptions & CallOptions): Promise<PushReceipt> {
    const { id } = entry
    const { clock } = this.#calls
    const deadline = clock.now() + (options.timeoutMs ?? this.#calls.timeoutMs)
    const waitFor = options.waitFor === 'received' || options.waitFor === 'handled' ? options.waitFor : undefined
    const wait = waitFor && 'device' in to ? this.#receipts.expect(to.device, id, waitFor) : undefined
    try {
      const state = await this.#calls.run({ operation: 'publish', target: entry.stream, options }, async (call) => {
        if (wait) await this.#receiving
        const whole = wait ? { ...entry, receiptTo: this.#instance } : entry
        return nowOrNever || this.#journal === undefined
          ? this.#sendOnly(to, whole, nowOrNever, call)
          : this.#keepAndSend(to, whole, this.#journal, call)
      })
      const acceptedAt = new Date(clock.now())
      if (state === 'dropped') {
        this.#dropped += 1
        return { id, state, acceptedAt }
      }
      this.#published += 1
      if (wait === undefined) return { id, state, acceptedAt }
      const { last, ...times } = await this.#waitFor(wait.settled, id, deadline, options.signal)
      return { id, acceptedAt, ...times, ...last }
    } finally {
      wait?.cancel()
    }
  }

  /** [P56] On disk first; then the send may fail: the device learns of it by the next message, a nudge or its heartbeat. */
  async #keepAndSend(to: Target, entry: Prepared['entry'], journal: PushJournal, call: DriverCall): Promise<'accepted'> {
    const { sequence, previous } = await journal.append(entry, this.#calls.clock.now(), call)
    const place = { journal: journal.id, stream: entry.stream, sequence, previous }
    const tooSlow = new AbortController()
    const limit = this.#calls.clock.timer(this.#sendTimeoutMs, () => tooSlow.abort(new PortError('DEADLINE_EXCEEDED')))
    try {
      await orAborted(this.#driver.send(to, this.#frame(entry, place), { signal: tooSlow.signal, kept: true }), tooSlow.signal)
    } catch (error) {
      this.#calls.log.debug({ port: 'push', target: entry.stream, error: errorText(error) }, 'kept, to be sent later')
      this.#nudges?.add({ [entry.stream]: sequence })
    } finally {
      limit.cancel()
    }
    return 'accepted'
  }

  async #sendOnly(to: Target, entry: Prepared['entry'], nowOrNever: boolean, call: DriverCall): Promise<'accepted' | 'dropped'> {
    if (nowOrNever && 'device' in to && this.capabilities.presence) {
      const { state } = await this.#driver.presence(to.device, call)
      if (state === 'offline') return 'dropped'
    }
    await this.#driver.send(to, this.#frame(entry), call)
    return 'accepted'
  }

  #frame(entry: Prepared['entry'], place?: { journal: string; stream: string; sequence: number; previous: number }): Uint8Array {
    const { id, expiresAt, receiptTo, bytes: body } = entry
    const sentAt = this.#calls.clock.now()
    return encodeFrame({
      kind: 'message',
      id,
      ...(place && { place }),
      expiresAt,
      sentAt,
      ...(receiptTo === undefined ? {} : { receiptTo }),
      body,
    })
  }

  async #waitFor<T>(settled: Promise<T>, id: string, deadline: number, signal: AbortSignal | undefined): Promise<T> {
    const late = new AbortController()
    const place = { adapter: this.#calls.adapter, operation: 'publish', target: id, outcome: 'applied', retryable: false } as const
    const onAbort = (): void =>
      late.abort(new PortError('CANCELED', { ...place, detail: 'the message was accepted', cause: signal?.reason }))
    const timer = this.#calls.clock.timer(Math.max(0, deadline - this.#calls.clock.now()), () =>
      late.abort(new PortError('DEADLINE_EXCEEDED', { ...place, detail: 'the message was accepted, its receipt did not come in time' })),
    )
    if (signal?.aborted) onAbort()
    else signal?.addEventListener('abort', onAbort, { once: true })
    try {
      return await orAborted(settled, late.signal)
    } finally {
      timer.cancel()
      signal?.removeEventListener('abort', onAbort)
    }
  }

  async #refuseOffline(device: string, call: DriverCall): Promise<void> {
    if (!this.capabilities.presence) return
    const { state } = await this.#driver.presence(device, call)
    if (state === 'offline')
      throw new PortError('UNAVAILABLE', { detail: 'the device is offline', outcome: 'not-applied', retryable: false })
  }

  /** Subscribes to what devices send, however long the engine takes to come. */
  async #receive(): Promise<void> {
    const { signal } = this.#ended
    const { clock, log, random } = this.#calls
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        await this.#driver.receive(this.#instance, this.#inbound, { signal })
        if (this.#journal) this.#nudges?.add(await this.#journal.heads({ signal }))
        return
      } catch (error) {
        if (signal.aborted) return
        log.warn({ port: 'push', adapter: this.#calls.adapter, attempt, error: errorText(error) }, 'cannot receive from devices yet')
        await sleep(clock, 50 + backoffMs({ maxAttempts: Infinity, firstMs: 200, maxMs: 5_000 }, attempt, random), signal).catch(() => {})
      }
    }
  }

  #expireEvery(everyMs: number): void {
    const journal = this.#journal
    if (journal === undefined || this.#calls.closed) return
    this.#expiring = this.#calls.clock.timer(everyMs, () => {
      journal
        .expire(this.#calls.clock.now(), { signal: this.#ended.signal })
        .catch((error: unknown) => this.#calls.log.warn({ port: 'push', error: errorText(error) }, 'expired messages were not deleted'))
        .finally(() => this.#expireEvery(everyMs))
    })
  }

  #placed(error: unknown, operation: string): PortError {
    const place = { adapter: this.#calls.adapter, operation }
    return PortError.is(error) ? error.with(place) : new PortError('INTERNAL', { ...place, cause: error })
  }
}
