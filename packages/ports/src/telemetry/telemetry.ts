import type { CallOptions } from '../call.js'
import { Calls } from '../calls.js'
import { effective } from '../capabilities.js'
import { currentContext, type RequestContext } from '../context.js'
import type { EventDefinition } from '../define.js'
import { invalid, PortError } from '../errors.js'
import { newId } from '../id.js'
import { check, type InputOf, issuesText, type StandardSchema } from '../schema.js'
import { deadEvent, mended } from './dead.js'
import type { TelemetryCapabilities, TelemetryDriver, TelemetryLimits, TelemetryQuery, TelemetryRow } from './driver.js'
import { type EventFields, envelopeText, unfit, utf8Bytes } from './encode.js'
import { Flushes } from './flushes.js'
import { MemorySpool } from './memory-spool.js'
import { reasonOf, Shipper } from './shipper.js'
import type { EventSpool, Settled } from './spool.js'
import type { DeadEvent, EmitOptions, EventReceipt, FlushReport, Ledger, ReplayOptions, TelemetryOptions } from './types.js'

const ALL: TelemetryCapabilities = { orderedByKey: true, exactlyOnce: true, query: true }
const MAX_ID = 200
const MAX_KEY = 256
const MAX_ROWS = 100_000
const DEFAULT_ROWS = 1_000

/** Where one event stands after `emit`: in the spool under a sequence, or not, and why. */
type Taken = { readonly id: string; readonly sequence: number } | { readonly id: string; readonly error: PortError }

/** What waits for an event to be accepted. */
interface Waiter {
  readonly resolve: () => void
  readonly reject: (error: PortError) => void
}

/**
 * Business events from the app to the warehouse. Each event is validated, encoded and taken into the spool at once;
 * batches leave in the background, and what the engine refuses for good is set aside, never lost in silence.
 */
export class Telemetry implements AsyncDisposable {
  /** Events that were set aside: the wrong type, too large, or refused by the engine. */
  readonly deadLetters: {
    list(): AsyncIterable<DeadEvent>
    /** [T62] Sends them again, each once; gives how many. Those whose data could not be kept stay. */
    replay(o?: ReplayOptions): Promise<number>
  }
  readonly capabilities: TelemetryCapabilities
  readonly #calls: Calls
  readonly #spool: EventSpool
  readonly #limits: TelemetryLimits
  readonly #shipper: Shipper
  readonly #flushes: Flushes
  readonly #source: string
  readonly #context: Partial<RequestContext> | undefined
  readonly #closeMs: number
  readonly #waiters = new Map<number, Waiter>()
  readonly #validating = new Set<Promise<unknown>>()
  /** Schemas that turned out to be asynchronous. */
  readonly #asynchronous = new WeakSet<StandardSchema>()
  /** Emitted after close. */
  #late = 0
  #closed = false
  #closing: Promise<void> | undefined

  constructor(
    private readonly driver: TelemetryDriver,
    options: TelemetryOptions = {},
  ) {
    this.#calls = new Calls('telemetry', options)
    this.capabilities = effective(ALL, options.capabilities, driver.capabilities)
    this.#limits = driver.limits
    this.#spool = options.spool ?? new MemorySpool({ now: () => this.#calls.clock.now() })
    this.#source = options.source ?? '/pdvend'
    this.#context = options.context
    this.#closeMs = options.closeMs ?? 5_000
    this.#flushes = new Flushes(this.#spool)
    this.#shipper = new Shipper(
      driver,
      this.#spool,
      this.#calls,
      this.#limits,
      shipping(options, driver.limits, this.capabilities),
      (done) => this.#settled(done),
    )
    this.#spool.listen({ arrived: () => this.#shipper.arrived(), dropped: (first, last) => this.#dropped(first, last) })
    if (this.#spool.readyEvents > 0) this.#shipper.arrived()
    this.deadLetters = { list: () => this.#listDead(), replay: (o) => this.#replay(o) }
  }

  /**
   * [T1, T2] Takes an event. Never throws, never waits, whatever it is given: what cannot be stored goes to the dead
   * letters with the reason. [T3] What is stored is the data as it is now. [T6] After close it is counted as dropped.
   */
  emit<S extends StandardSchema>(event: EventDefinition<S>, data: InputOf<S>, o: EmitOptions = {}): void {
    try {
      void this.#take(event, data, o)
    } catch (error) {
      this.#bury(newId(), typeof event?.name === 'string' ? event.name : 'unknown', undefined, undefined, reasonOf(error))
    }
  }

  /**
   * Emits and waits: `spooled` = on disk, it survives a kill -9 [T20]; `accepted` = stored by the engine.
   * @throws INVALID_ARGUMENT the data, the id, the key or the date | TOO_LARGE | UNAVAILABLE the spool is full, or could not
   * write (then the event is still pending) | DEADLINE_EXCEEDED, CANCELED the event is still pending | CLOSED
   */
  async emitAndWait<S extends StandardSchema>(
    event: EventDefinition<S>,
    data: InputOf<S>,
    until: 'spooled' | 'accepted',
    o: EmitOptions & CallOptions = {},
  ): Promise<EventReceipt> {
    if (until !== 'spooled' && until !== 'accepted')
      throw invalid('until', until, 'use "spooled" or "accepted"', { adapter: this.#calls.adapter, operation: 'emitAndWait' })
    return this.#calls.run({ operation: 'emitAndWait', target: event.name, options: o, repeat: 'never' }, async ({ signal }) => {
      const taken = await this.#take(event, data, o)
      if ('error' in taken) throw taken.error
      if (until === 'spooled') await this.#spool.synced()
      else await this.#accepted(taken.sequence, signal)
      return { id: taken.id, status: until }
    })
  }

  /**
   * [T60] Sends everything emitted before it, partial batches included, and resolves when all of it is accepted, dead or
   * dropped, or when `timeoutMs` (default: the port's) is over: `complete` tells which. Flushes may overlap.
   * @throws CANCELED by `signal` | INVALID_ARGUMENT timeoutMs
   */
  async flush(o: CallOptions = {}): Promise<FlushReport> {
    const timeoutMs = o.timeoutMs ?? this.#calls.timeoutMs
    if (!(timeoutMs > 0))
      throw invalid('timeoutMs', timeoutMs, 'give a number of milliseconds above 0', { adapter: this.#calls.adapter, operation: 'flush' })
    const over = new AbortController()
    const timer = this.#calls.clock.timer(timeoutMs, () => over.abort())
    // Somebody awaits it: what waits for the engine in the background does not keep the process alive.
    timer.hold?.()
    const onCaller = (): void =>
      over.abort(new PortError('CANCELED', { adapter: this.#calls.adapter, operation: 'flush', cause: o.signal?.reason }))
    if (o.signal?.aborted) onCaller()
    o.signal?.addEventListener('abort', onCaller, { once: true })
    const ended = this.#shipper.drain()
    try {
      const complete = await this.#flushes.settled(Promise.all(this.#validating), over.signal)
      if (PortError.is(over.signal.reason, 'CANCELED')) throw over.signal.reason
      return { ...this.ledger(), complete }
    } finally {
      ended()
      timer.cancel()
      o.signal?.removeEventListener('abort', onCaller)
    }
  }

  /** [T59] What became of every event, at any time. */
  ledger(): Ledger {
    const { appended, recovered, accepted, pending, dead, dropped } = this.#spool.counts()
    const validating = this.#validating.size
    return {
      emitted: appended + recovered + validating + this.#late,
      accepted,
      pending: pending + validating,
      dead,
      dropped: dropped + this.#late,
    }
  }

  /**
   * Rows that the engine has stored, newest first. Events still on their way are not among them: flush first.
   * @throws UNSUPPORTED without capability `query` | INVALID_ARGUMENT
   */
  async query(query: TelemetryQuery = {}, o: CallOptions = {}): Promise<readonly TelemetryRow[]> {
    this.#calls.require(this.capabilities, 'query', 'query')
    const run = this.driver.query?.bind(this.driver)
    if (run === undefined) throw this.#calls.error('UNSUPPORTED', 'query', 'the driver has no query')
    const place = { adapter: this.#calls.adapter, operation: 'query' }
    const limit = query.limit ?? DEFAULT_ROWS
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_ROWS)
      throw invalid('limit', query.limit, `give a whole number from 1 to ${MAX_ROWS}`, place)
    for (const name of ['from', 'to'] as const) {
      const date = query[name]
      if (date !== undefined && !(date instanceof Date && !Number.isNaN(date.getTime())))
        throw invalid(name, date, 'give a valid Date', place)
    }
    return this.#calls.run({ operation: 'query', ...(query.type === undefined ? {} : { target: query.type }), options: o }, (call) =>
      run({ ...query, limit }, call),
    )
  }

  /** Flushes within `closeMs`, stops, and leaves the rest in the spool for the next process [T27]. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const flushed = this.flush({ timeoutMs: Math.max(1, this.#closeMs) })
    // Intake stops here: what the flush waits for is what came before.
    this.#closed = true
    const { pending } = await flushed
    await this.#shipper.stop()
    this.#calls.shut()
    for (const waiter of this.#waiters.values())
      waiter.reject(
        new PortError('CLOSED', {
          adapter: this.#calls.adapter,
          operation: 'emitAndWait',
          detail: 'closed before the engine answered; the event is in the spool',
          outcome: 'unknown',
        }),
      )
    this.#waiters.clear()
    if (pending > 0) this.#calls.log.warn({ port: 'telemetry', adapter: this.#calls.adapter, pending }, 'events stay in the spool')
    await this.#spool.close()
    await this.driver.close()
  }

  /** Validates, encodes and spools; synchronous unless the schema is not. */
  #take(event: EventDefinition, data: unknown, o: EmitOptions): Taken | Promise<Taken> {
    const at = o.at === undefined ? this.#calls.clock.now() : o.at instanceof Date ? o.at.getTime() : Number.NaN
    const id = o.id ?? newId(this.#calls.clock.now())
    if (this.#closed) {
      if (this.#late++ === 0)
        this.#calls.log.warn(
          { port: 'telemetry', adapter: this.#calls.adapter, type: event.name },
          'emitted after close: counted as dropped',
        )
      return { id, error: this.#calls.error('CLOSED', 'emit', 'telemetry is closed') }
    }
    const wrong = wrongOption(o.id, at, o.key)
    if (wrong !== undefined) return this.#bury(newId(), event.name, undefined, data, reasonOf(wrong))
    const fields: EventFields = { id, type: event.name, source: this.#source, at, key: o.key, context: this.#contextOf(o.context) }
    if (this.#asynchronous.has(event.data)) return this.#takeLater(event, data, fields)
    const result = answer(event.data, data)
    if (result instanceof Promise) {
      result.catch(() => undefined)
      this.#asynchronous.add(event.data)
      return this.#takeLater(event, data, fields)
    }
    if (result.issues !== undefined) return this.#bury(id, event.name, fields, data, `INVALID_ARGUMENT: data: ${issuesText(result.issues)}`)
    return this.#spoolIt(fields, result.value)
  }

  /** An asynchronous validator gets a copy made now, so that what is stored is what was emitted [T3]. */
  #takeLater(event: EventDefinition, data: unknown, fields: EventFields): Taken | Promise<Taken> {
    const why = unfit(data)
    if (why !== undefined) return this.#bury(fields.id, fields.type, fields, undefined, `INVALID_ARGUMENT: ${why}`)
    const copy: unknown = structuredClone(data)
    const checked = (async () => check(event.data, copy))()
    const taken: Promise<Taken> = checked.then(
      (result) => {
        this.#validating.delete(taken)
        if (result.issues !== undefined)
          return this.#bury(fields.id, fields.type, fields, copy, `INVALID_ARGUMENT: data: ${issuesText(result.issues)}`)
        return this.#spoolIt(fields, result.value)
      },
      (error: unknown) => {
        this.#validating.delete(taken)
        return this.#bury(fields.id, fields.type, fields, copy, reasonOf(error))
      },
    )
    this.#validating.add(taken)
    return taken
  }

  #spoolIt(fields: EventFields, data: unknown): Taken {
    let json: string | undefined
    let why = unfit(data)
    try {
      if (why === undefined) json = JSON.stringify(data)
    } catch (error) {
      why = `data does not fit in JSON: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`
    }
    if (json === undefined)
      return this.#bury(fields.id, fields.type, fields, undefined, `INVALID_ARGUMENT: ${why ?? 'data does not fit in JSON'}`)
    const text = envelopeText(fields, json)
    const bytes = text.length * 3 <= this.#limits.maxEventBytes ? 0 : utf8Bytes(text)
    if (bytes > this.#limits.maxEventBytes) {
      const reason = `TOO_LARGE: the event has ${bytes} bytes; ${this.#calls.adapter} takes ${this.#limits.maxEventBytes}`
      return this.#buryText(fields, text, reason, true)
    }
    const { id, type, at, key } = fields
    const sequence = this.#spool.append(key === undefined ? { id, type, at, text } : { id, type, at, key, text })
    if (sequence === 0)
      return { id, error: this.#calls.error('UNAVAILABLE', 'emit', 'the spool is full: the event was dropped by its policy', id) }
    this.#shipper.arrived()
    return { id, sequence }
  }

  /** Sets an event aside before it got as far as the spool, with its data where that can be kept. */
  #bury(id: string, type: string, fields: EventFields | undefined, data: unknown, reason: string): Taken {
    const known = fields ?? { id, type, source: this.#source, at: this.#calls.clock.now(), key: undefined, context: undefined }
    let json: string | undefined
    try {
      json = data === undefined || unfit(data) !== undefined ? undefined : JSON.stringify(data)
    } catch {
      json = undefined // what cannot be kept is told by `whole: false`
    }
    return this.#buryText(known, envelopeText(known, json ?? 'null'), reason, json !== undefined)
  }

  #buryText({ id, type, source, at, key, context }: EventFields, text: string, reason: string, whole: boolean): Taken {
    const keep = text.length <= MAX_DEAD_CHARACTERS
    const kept = keep ? text : envelopeText({ id, type, source, at, key, context }, 'null')
    this.#spool.bury({ id, type, at, ...(key === undefined ? {} : { key }), text: kept }, reason, whole && keep)
    this.#calls.log.warn({ port: 'telemetry', adapter: this.#calls.adapter, type, reason }, 'an event was set aside')
    const code = reason.startsWith('TOO_LARGE') ? 'TOO_LARGE' : 'INVALID_ARGUMENT'
    return { id, error: this.#calls.error(code, 'emit', reason.replace(/^[A-Z_]+: /, ''), type) }
  }

  #contextOf(own: Partial<RequestContext> | undefined): Partial<RequestContext> | undefined {
    const current = currentContext()
    if (own === undefined && this.#context === undefined) return current
    return { ...this.#context, ...current, ...own }
  }

  #accepted(sequence: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const ended = this.#shipper.drain()
      signal.addEventListener('abort', () => done(() => reject(signal.reason as Error)), { once: true })
      const done = (tell: () => void): void => {
        ended()
        this.#waiters.delete(sequence)
        tell()
      }
      this.#waiters.set(sequence, { resolve: () => done(resolve), reject: (error) => done(() => reject(error)) })
    })
  }

  #settled(results: readonly Settled[]): void {
    if (this.#waiters.size > 0) {
      for (const { event, dead } of results) {
        const waiter = this.#waiters.get(event.sequence)
        if (dead === undefined) waiter?.resolve()
        else
          waiter?.reject(
            new PortError('INVALID_ARGUMENT', {
              adapter: this.#calls.adapter,
              operation: 'emitAndWait',
              target: event.type,
              detail: `set aside: ${dead}`,
            }),
          )
      }
    }
    this.#flushes.progress()
  }

  #dropped(first: number, last: number): void {
    for (const [sequence, waiter] of this.#waiters) {
      if (sequence < first || sequence > last) continue
      waiter.reject(this.#calls.error('UNAVAILABLE', 'emitAndWait', 'dropped by the policy of the full spool'))
    }
    this.#flushes.progress()
  }

  async *#listDead(): AsyncIterable<DeadEvent> {
    for await (const dead of this.#spool.listDead()) yield deadEvent(dead)
  }

  async #replay({ mend }: ReplayOptions = {}): Promise<number> {
    const replayed = await this.#spool.replayDead(mend === undefined ? undefined : (dead) => mended(dead, mend))
    if (replayed > 0) this.#shipper.arrived()
    return replayed
  }
}

/** A dead letter keeps its data up to here; a larger one keeps only what it was and why it died. */
const MAX_DEAD_CHARACTERS = 1_048_576

/** A validator that throws has refused: one that calls itself does so on data that is nested deep enough. */
function answer(schema: StandardSchema, data: unknown): ReturnType<typeof check> {
  try {
    return check(schema, data)
  } catch (error) {
    return { issues: [{ message: `its schema threw instead of answering: ${error instanceof Error ? error.message : String(error)}` }] }
  }
}

function wrongOption(id: unknown, at: number, key: unknown): PortError | undefined {
  if (id !== undefined && (typeof id !== 'string' || id.length > MAX_ID || !fitsLine(id)))
    return invalid('id', id, `give text of 1 to ${MAX_ID} characters without control characters`)
  if (Number.isNaN(at) || Math.abs(at) > 8.64e15) return invalid('at', at, 'give a valid Date')
  if (key === undefined) return undefined
  if (typeof key !== 'string' || key.length > MAX_KEY || !fitsLine(key))
    return invalid('key', key, `give text of 1 to ${MAX_KEY} characters without control characters`)
  return undefined
}

function fitsLine(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- control characters are what must not pass
  return text !== '' && text.isWellFormed() && !/[\u0000-\u001f\u007f]/.test(text)
}

function shipping(
  { batch = {}, retry }: TelemetryOptions,
  limits: TelemetryLimits,
  { orderedByKey }: TelemetryCapabilities,
): ConstructorParameters<typeof Shipper>[4] {
  const bounded = (name: string, value: number | undefined, fallback: number): number => {
    if (value === undefined) return fallback
    if (!Number.isInteger(value) || value < 1) throw invalid(`batch.${name}`, value, 'give a whole number above 0')
    return value
  }
  return {
    maxEvents: Math.min(bounded('maxEvents', batch.maxEvents, limits.maxBatchEvents), limits.maxBatchEvents),
    maxBytes: Math.min(bounded('maxBytes', batch.maxBytes, limits.maxBatchBytes), limits.maxBatchBytes),
    maxAgeMs: bounded('maxAgeMs', batch.maxAgeMs, 1_000),
    concurrency: orderedByKey ? 1 : bounded('concurrency', batch.concurrency, 4),
    retry: { firstMs: retry?.firstMs ?? 200, maxMs: retry?.maxMs ?? 30_000 },
  }
}
