import { type JobDefinition, type JobEvent, type JobQueue, type JobRetry, defineJob } from '@pdvend/ports'
import { z } from 'zod'
import type { ContractCase } from '../case.js'
import { FakeClock } from '../fake-clock.js'
import type { OpenOptions, Subject } from '../subject.js'

/** A case of the job queue. */
export type JobCase = ContractCase<'jobs', JobQueue>
export type JobSubject = Subject<'jobs', JobQueue>

/** What most cases put in. */
export const numbered = z.object({ n: z.number() })
export type Numbered = typeof numbered

/** A job of this run alone; names are queues, so nothing of another case comes in. */
export function jobOf(
  subject: JobSubject,
  options: { name?: string; retry?: JobRetry; timeoutMs?: number; key?: (input: { n: number }) => string } = {},
): JobDefinition<Numbered> {
  const { name = 'work', ...rest } = options
  return defineJob(`${subject.run}.${name}`, { input: numbered, ...rest })
}

/** A queue whose events are kept. */
export async function openQueue(subject: JobSubject, options: OpenOptions = {}): Promise<{ queue: JobQueue; events: JobEvent[] }> {
  const events: JobEvent[] = []
  const queue = await subject.open({ ...options, face: { onEvent: (event: JobEvent) => events.push(event), ...options.face } })
  return { queue, events }
}

/** How much real time one wait may take at most, where a case says nothing else. */
const REAL_MS = 25_000

/**
 * Waits until `done` holds. A fake clock moves on by `stepMs` whenever I/O has had its turns, at most by `withinMs`; with
 * the machine's clock the condition is looked at again and again.
 */
export async function until(
  subject: JobSubject,
  done: () => boolean | Promise<boolean>,
  {
    withinMs = 120_000,
    stepMs = 200,
    real = false,
    mostMs = REAL_MS,
  }: { withinMs?: number; stepMs?: number; real?: boolean; mostMs?: number } = {},
): Promise<void> {
  const clock = subject.clock
  const realMs = mostMs * subject.patience
  const givesUpAt = Date.now() + realMs
  const end = clock.now() + withinMs
  while (!(await settled(done))) {
    if (Date.now() > givesUpAt) throw new Error(`not reached within ${realMs} ms: ${done.toString()}`)
    if (real || !(clock instanceof FakeClock)) {
      await new Promise((resolve) => setTimeout(resolve, 5))
      continue
    }
    if (clock.now() >= end) throw new Error(`not reached within ${withinMs} ms of the fake clock: ${done.toString()}`)
    await clock.advance(stepMs)
  }
}

/** Holds after at most so many turns of the event loop, with the clock standing still. */
async function settled(done: () => boolean | Promise<boolean>): Promise<boolean> {
  for (let turn = 0; turn < 12; turn++) {
    if (await done()) return true
    await new Promise((resolve) => setImmediate(resolve))
  }
  return done()
}

/** Lets whatever was asked for happen, `ms` of time included. */
export async function pass(subject: JobSubject, ms: number): Promise<void> {
  if (subject.clock instanceof FakeClock) {
    await subject.clock.advance(ms)
    await settled(() => false)
  } else await new Promise((resolve) => setTimeout(resolve, ms))
}

/** A promise that is resolved by hand. */
export interface Gate {
  readonly promise: Promise<void>
  readonly resolve: () => void
}

export function deferred(): Gate {
  let resolve!: () => void
  const promise = new Promise<void>((done) => (resolve = done))
  return { promise, resolve }
}

/** Nothing waits, runs or is dead. */
export async function empty(queue: JobQueue, name: string): Promise<boolean> {
  const { ready, delayed, inFlight, dead } = await queue.stats(name)
  return ready + delayed + inFlight + dead === 0
}

/** All of an async iterable. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

export function range(count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, n) => from + n)
}
