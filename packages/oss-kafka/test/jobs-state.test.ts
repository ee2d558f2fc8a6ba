import { describe, expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import type { LogRecord, MovedJob, Operation, StoredJob } from '../src/jobs/classic/records.js'
import { type Entry, QueueState } from '../src/jobs/classic/state.js'

const NONE = new Uint8Array()

/** A log with a replica at its end. */
class Log {
  readonly records: LogRecord[] = []
  readonly state = new QueueState(0)

  add(record: LogRecord): ReturnType<QueueState['apply']> {
    this.records.push(record)
    return this.state.apply(this.records.length - 1, record)
  }

  job(job: Partial<StoredJob> = {}): number {
    this.add({ kind: 'job', job: { id: `j${this.records.length}`, dueAt: 0, enqueuedAt: 0, priority: 0, ...job }, payload: NONE })
    return this.records.length - 1
  }

  operate(...operations: Operation[]): number[] {
    const { applied } = this.add({ kind: 'operations', writer: 'w', batch: 1, operations })
    return applied!.map((entries) => entries.length)
  }

  /** Who starts to read at `start`. */
  readFrom(start: number): QueueState {
    const state = new QueueState(start)
    for (const [offset, record] of this.records.entries()) if (offset >= start) state.apply(offset, record)
    return state
  }
}

const claim = (seq: number, token: string, at: number, until: number): Operation => ({ op: 'claim', seqs: [seq], token, at, until })

/** What of a state can be told from outside, in the order in which it would hand out. */
function shape(state: QueueState): unknown {
  return [...state.entries]
    .map(({ seq, job, order, dueAt, attempt, crashes, lease, dead }) => ({ seq, id: job.id, order, dueAt, attempt, crashes, lease, dead }))
    .toSorted((a, b) => a.seq - b.seq)
}

const seqs = (entries: readonly Entry[]): number[] => entries.map(({ seq }) => seq)

describe('the state of a queue', () => {
  test('the first claim holds, another one only after its lease', () => {
    const log = new Log()
    const seq = log.job()
    expect(log.operate(claim(seq, 'a', 10, 100), claim(seq, 'b', 20, 200))).toEqual([1, 0])
    expect(log.operate({ op: 'done', seq, token: 'b', at: 30 })).toEqual([0])
    expect(log.operate(claim(seq, 'c', 100, 300))).toEqual([1])
    expect(log.state.find(seq)).toMatchObject({ crashes: 1, attempt: 1 })
    expect(log.operate({ op: 'done', seq, token: 'a', at: 110 }, { op: 'done', seq, token: 'c', at: 300 })).toEqual([0, 0])
    expect(log.operate({ op: 'done', seq, token: 'c', at: 299 })).toEqual([1])
    expect(log.state.size).toBe(0)
  })

  test('who passes over the best still finds what others have left', () => {
    const log = new Log()
    const all = Array.from({ length: 10 }, () => log.job())
    log.state.unpick(log.state.pick(10, 1))
    for (const seq of all.slice(1, 9)) log.operate(claim(seq, `t${seq}`, 10, 100))
    expect(seqs(log.state.pick(20, 1, 8))).toEqual([all[0]])
    expect(seqs(log.state.pick(20, 1, 8))).toEqual([all[9]])
    expect(seqs(log.state.pick(20, 1, 8))).toEqual([])
  })

  test('of a key only the head is handed out, whatever its time and priority', () => {
    const log = new Log()
    const first = log.job({ key: 'k', dueAt: 50 })
    const second = log.job({ key: 'k', priority: 100 })
    const other = log.job({ key: 'l' })
    expect(seqs(log.state.pick(10, 9))).toEqual([other])
    expect(log.state.nextAt()).toBe(50)
    expect(seqs(log.state.pick(50, 9))).toEqual([first])
    log.operate(claim(first, 'a', 50, 100))
    log.operate({ op: 'retry', seq: first, token: 'a', at: 60, dueAt: 80 })
    log.state.unpick([log.state.find(first)!])
    expect(seqs(log.state.pick(70, 9))).toEqual([])
    expect(seqs(log.state.pick(80, 9))).toEqual([first])
    log.operate(claim(first, 'b', 80, 100))
    log.operate({ op: 'dead', seq: first, token: 'b', at: 90, reason: 'discarded', errors: [] })
    expect(seqs(log.state.pick(90, 9))).toEqual([second])
    log.operate({ op: 'redrive', seqs: [first], at: 95 })
    log.operate(claim(second, 'c', 95, 200))
    log.operate({ op: 'done', seq: second, token: 'c', at: 96 })
    log.state.unpick([log.state.find(first)!])
    expect(seqs(log.state.pick(96, 9))).toEqual([first])
  })

  test('a dedupe key is taken for its window; the same id is the same job', () => {
    const log = new Log()
    const dedupe = { key: 'd', windowMs: 100 }
    const store = (id: string, enqueuedAt: number): unknown =>
      log.add({ kind: 'job', job: { id, dueAt: 0, enqueuedAt, priority: 0, dedupe }, payload: NONE }).stored
    expect(store('a', 0)).toEqual({ id: 'a', duplicate: false })
    expect(store('b', 99)).toEqual({ id: 'a', duplicate: true })
    expect(store('a', 50)).toEqual({ id: 'a', duplicate: false })
    expect(store('c', 100)).toEqual({ id: 'c', duplicate: false })
    expect(log.state.size).toBe(2)
  })

  test('a copy counts only where nothing touched the job since it was made', () => {
    const log = new Log()
    const seq = log.job()
    const seen = log.records.length
    const moved: MovedJob = { job: log.state.find(seq)!.job, seq, order: seq, attempt: 1, crashes: 0, seen }
    log.operate(claim(seq, 'a', 10, 100))
    log.operate({ op: 'done', seq, token: 'a', at: 20 })
    log.add({ kind: 'moved', moved, payload: NONE })
    expect(log.state.size).toBe(0)
    expect(log.readFrom(log.state.safeStart(0)).size).toBe(0)
    expect(log.readFrom(seen).size).toBe(0)
  })

  test('whoever starts at a safe place comes to the same state as whoever read everything', () => {
    const step = fc.record({
      what: fc.nat(10),
      which: fc.nat(1_000),
      key: fc.option(fc.constantFrom('a', 'b'), { nil: undefined }),
      delay: fc.constantFrom(0, 0, 5, 40),
      lag: fc.nat(4),
    })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 120 }), (steps) => {
        const log = new Log()
        let now = 0
        let waiting: MovedJob[] = []
        for (const [index, { what, which, key, delay, lag }] of steps.entries()) {
          now += 3
          const entries = [...log.state.entries]
          const entry = entries.length === 0 ? undefined : entries[which % entries.length]!
          const token = entry?.lease?.token ?? 'none'
          if (what < 4 || entry === undefined)
            log.job({
              dueAt: now + delay,
              enqueuedAt: now,
              ...(key === undefined ? {} : { key }),
              ...(which % 9 === 0 ? { dedupe: { key: 'd', windowMs: 20 } } : {}),
            })
          else if (what === 4) {
            const [picked] = log.state.pick(now, 1)
            if (picked !== undefined) log.operate(claim(picked.seq, `t${index}`, now, now + 10))
            if (picked !== undefined) log.state.unpick([picked])
          } else if (what === 5) log.operate({ op: 'done', seq: entry.seq, token, at: now })
          else if (what === 6) log.operate({ op: 'retry', seq: entry.seq, token, at: now, dueAt: now + delay })
          else if (what === 7) log.operate({ op: 'dead', seq: entry.seq, token, at: now, reason: 'exhausted', errors: ['x'] })
          else if (what === 8) log.operate({ op: which % 2 === 0 ? 'redrive' : 'discard', seqs: [entry.seq], at: now } as Operation)
          else if (entry.lease === undefined) {
            // A copy that is made now and written some records later.
            const { seq, order, attempt, crashes, dueAt, dead } = entry
            const { dead: _, dedupe: __, ...rest } = entry.job
            const job = { ...rest, dueAt, ...(dead === undefined ? {} : { dead }) }
            waiting.push({ job, seq, order, attempt, crashes, seen: log.state.position })
            if (lag === 0) log.job({ dueAt: now, enqueuedAt: now })
          }
          if (lag < 3) continue
          for (const moved of waiting) log.add({ kind: 'moved', moved, payload: NONE })
          waiting = []
        }
        const whole = shape(log.readFrom(0))
        expect(shape(log.state)).toEqual(whole)
        const start = log.state.safeStart(now)
        const late = log.readFrom(start)
        expect(shape(late)).toEqual(whole)
        expect(seqs(late.pick(now + 100, 1_000))).toEqual(seqs(log.readFrom(0).pick(now + 100, 1_000)))
      }),
      { numRuns: 2_000 },
    )
  })
})
