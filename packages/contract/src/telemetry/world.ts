import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  decodeEnvelope,
  defineEvent,
  type DriverCall,
  type DriverEvent,
  type EventOutcome,
  type EventSpool,
  PortError,
  type Telemetry,
  type TelemetryDriver,
  type TelemetryOptions,
  type TelemetryRow,
} from '@pdvend/ports'
import { openSpool, type SpoolOptions } from '@pdvend/spool'
import { z } from 'zod'
import type { ContractCase } from '../case.js'
import { FakeClock } from '../fake-clock.js'
import type { Subject } from '../subject.js'

export type TelemetryCase = ContractCase<'telemetry', Telemetry>
export type TelemetrySubject = Subject<'telemetry', Telemetry>

/** What stands between the port and the engine in a case: it may count, fail, delay or pass on. */
export type Between = (
  batch: readonly DriverEvent[],
  next: () => Promise<readonly EventOutcome[]>,
  call: DriverCall,
  nth: number,
) => Promise<readonly EventOutcome[]>

export interface WorldOptions {
  /** Default: a fresh one. Several worlds may share one. */
  readonly directory?: string
  readonly spool?: Partial<SpoolOptions>
  readonly face?: TelemetryOptions
  readonly between?: Between
}

/** Telemetry over the real spool and the adapter, with a record of all that went to the driver. */
export interface World {
  readonly telemetry: Telemetry
  readonly spool: EventSpool
  readonly directory: string
  readonly driver: TelemetryDriver
  /** Each batch as the driver got it. */
  readonly sent: readonly (readonly DriverEvent[])[]
  readonly event: ReturnType<typeof sample>
  /** Can it be told what is stored, apart from what the driver says? */
  readonly readable: boolean
  /** What is stored: read back through the adapter or by the engine's handle, else what the driver said that it accepted, each once. */
  rows(): Promise<readonly TelemetryRow[]>
  /** The `n` of each stored event, in ascending order; each once where the adapter does not promise that. */
  stored(): Promise<readonly number[]>
  emit(from: number, to: number): void
  /** Flushes while time passes. */
  flush(): ReturnType<Telemetry['flush']>
  close(): Promise<void>
}

/** An event that all worlds of one case share. */
export function sample(subject: TelemetrySubject) {
  return defineEvent(`${subject.run}.sale`, { data: z.object({ n: z.number().int(), text: z.string().optional() }) })
}

export async function openWorld(subject: TelemetrySubject, o: WorldOptions = {}): Promise<World> {
  const directory = o.directory ?? (await freshDirectory(subject))
  const spool = await openSpool({ directory, now: () => subject.clock.now(), ...o.spool })
  const sent: (readonly DriverEvent[])[] = []
  const accepted = new Map<string, DriverEvent>()
  let inner!: TelemetryDriver
  const wrap = (driver: never): TelemetryDriver => {
    inner = driver
    return watched(driver, async (batch, next, call) => {
      sent.push(batch)
      const outcomes = await (o.between ?? passOn)(batch, () => answered(subject, next()), call, sent.length)
      batch.forEach((event, index) => outcomes[index]?.status === 'accepted' && accepted.set(event.id, event))
      return outcomes
    })
  }
  const telemetry = await subject.open({ wrap, face: { spool, retry: { firstMs: 10, maxMs: 50 }, ...o.face } })
  const close = (): Promise<void> => passing(subject, telemetry.close())
  subject.defer(close)
  const event = sample(subject)
  const rows = async (): Promise<readonly TelemetryRow[]> => {
    if (telemetry.capabilities.query) return inner.query!({ type: event.name, limit: 100_000 }, { signal: AbortSignal.timeout(30_000) })
    const stored = await subject.engine.storedEvents?.(event.name)
    return stored ?? [...accepted.values()].filter(({ type }) => type === event.name).map(rowOf)
  }
  return {
    telemetry,
    spool,
    directory,
    driver: inner,
    sent,
    event,
    readable: telemetry.capabilities.query || subject.engine.storedEvents !== undefined,
    rows,
    async stored() {
      const all = (await rows()).map(({ data }) => (data as { n: number }).n).sort((a, b) => a - b)
      return telemetry.capabilities.exactlyOnce ? all : [...new Set(all)]
    },
    emit(from, to) {
      for (let n = from; n < to; n++) telemetry.emit(event, { n })
    },
    flush: () => passing(subject, telemetry.flush()),
    close,
  }
}

export async function freshDirectory(subject: TelemetrySubject): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'pdvend-contract-spool-'))
  subject.defer(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** Calls that the engine has not answered yet, by case. */
const unanswered = new WeakMap<TelemetrySubject, number>()

/** Longest stand of a fake clock for one step, in real milliseconds: a call that hangs must still see its deadline. */
const STAND_MS = 2_000

/** Counts `call` until the engine has answered it. */
async function answered<T>(subject: TelemetrySubject, call: Promise<T>): Promise<T> {
  unanswered.set(subject, (unanswered.get(subject) ?? 0) + 1)
  try {
    return await call
  } finally {
    unanswered.set(subject, unanswered.get(subject)! - 1)
  }
}

/**
 * Awaits `work` while the clock moves: with a fake clock somebody has to move it. It stands while the engine is at work, so
 * that a real engine's milliseconds are not taken for seconds.
 */
export async function passing<T>(subject: TelemetrySubject, work: Promise<T>, stepMs = 20): Promise<T> {
  if (!(subject.clock instanceof FakeClock)) return work
  let done = false
  const ended = (): void => void (done = true)
  work.then(ended, ended)
  while (!done) {
    await subject.clock.advance(stepMs)
    // The disk works in real time: without a pause a thousand steps fit into one fsync.
    const standsUntil = performance.now() + STAND_MS
    do await new Promise((resolve) => setTimeout(resolve, 1))
    while ((unanswered.get(subject) ?? 0) > 0 && !done && performance.now() < standsUntil)
  }
  return work
}

/** Waits until `holds`, while the clock moves. */
export function eventually(subject: TelemetrySubject, holds: () => boolean | Promise<boolean>, stepMs = 20): Promise<void> {
  const watch = async (): Promise<void> => {
    while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 1))
  }
  return passing(subject, watch(), stepMs)
}

export const range = (from: number, to: number): readonly number[] => Array.from({ length: to - from }, (_, index) => from + index)

export const numbers = (batch: readonly DriverEvent[]): readonly number[] =>
  batch.map(({ bytes }) => (decodeEnvelope(bytes).data as { n: number }).n)

/** The engine is away: nothing was applied. */
export const away = (): Promise<never> =>
  Promise.reject(new PortError('UNAVAILABLE', { adapter: 'fault', operation: 'send', detail: 'injected' }))

export const failed = (
  status: 'retry' | 'reject',
  code: ConstructorParameters<typeof PortError>[0],
  detail = 'injected',
): EventOutcome => ({ status, error: new PortError(code, { adapter: 'fault', operation: 'send', detail }) })

/** [T59] The identity of the ledger. */
export function balances(telemetry: Telemetry): boolean {
  const { emitted, accepted, pending, dead, dropped } = telemetry.ledger()
  return emitted === accepted + pending + dead + dropped
}

/** A switch in front of the engine. */
export function outage(): { readonly between: Between; down: boolean } {
  const state = {
    down: true,
    between: (_batch: readonly DriverEvent[], next: () => Promise<readonly EventOutcome[]>) => (state.down ? away() : next()),
  } as { between: Between; down: boolean }
  return state
}

function watched(
  driver: TelemetryDriver,
  send: (batch: readonly DriverEvent[], next: () => Promise<readonly EventOutcome[]>, call: DriverCall) => Promise<readonly EventOutcome[]>,
): TelemetryDriver {
  return {
    limits: driver.limits,
    ...(driver.capabilities === undefined ? {} : { capabilities: driver.capabilities }),
    ...(driver.query === undefined ? {} : { query: (query, call) => driver.query!(query, call) }),
    send: (batch, call) => send(batch, () => driver.send(batch, call), call),
    ping: (call) => driver.ping(call),
    close: () => driver.close(),
  }
}

const passOn: Between = (_batch, next) => next()

function rowOf({ id, type, at, key, bytes }: DriverEvent): TelemetryRow {
  const { data, context } = decodeEnvelope(bytes)
  return { id, type, at: new Date(at), ...(key === undefined ? {} : { key }), data, context: { ...context } }
}
