import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { whyMissing } from '@pdvend/engines'
import { type Clock, type DriverJob, newId, PortError, systemClock } from '@pdvend/ports'
import fc from 'fast-check'
import { Claims } from '../src/bucket/claims.js'
import { openBucketStore } from '../src/bucket/store.js'
import type { BucketStore } from '../src/bucket/types.js'
import { settingsOf, within } from './open.js'
import { type JobsEngine, startSqs } from './sqs-engine.js'

/** PDVEND_TEST_SCALE=10 is the full size. */
const SCALE = Math.max(1, Number(process.env['PDVEND_TEST_SCALE'] ?? 1))
const GRACE_MS = 120
const HOUR_MS = 3_600_000

const missing = await whyMissing('ministack')
const suite = missing === undefined ? describe : describe.skip
suite(`dedupe keys in the bucket${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let engine: JobsEngine
  let runs = 0
  const placeOf = () => ({ PDVEND_JOBS_BUCKET_PREFIX: `claims-${++runs}/` })
  const open = async (env = placeOf()): Promise<BucketStore> => openBucketStore(await settingsOf({ ...engine.env, ...env }))
  beforeAll(async () => (engine = await startSqs()), 120_000)
  afterAll(() => engine?.stop(), 60_000)

  const call = () => within(20_000)
  const jobOf = (key: string, windowMs = HOUR_MS, enqueuedAt = Date.now()): DriverJob => ({
    ...{ id: newId(), name: 'work', payload: Buffer.from(`{"of":"${key}"}`), dueAt: enqueuedAt, enqueuedAt, priority: 0 },
    dedupe: { key, windowMs },
  })
  /** What SQS would hold. */
  const outbox = () => {
    const sent: DriverJob[] = []
    return { sent, send: async (job: DriverJob) => void sent.push(job) }
  }

  test('the first of many sends; all others learn its id', async () => {
    const store = await open()
    const { sent, send } = outbox()
    const books = Array.from({ length: 4 }, () => new Claims(store, systemClock, 60_000))
    const jobs = Array.from({ length: 20 }, () => jobOf('race'))
    const answers = await Promise.all(jobs.map((job, n) => books[n % 4]!.enqueue(job, send, call())))
    expect([sent.length, answers.filter(({ duplicate }) => !duplicate).length]).toEqual([1, 1])
    expect(new Set(answers.map(({ id }) => id))).toEqual(new Set([sent[0]!.id]))
    const again = jobs.find(({ id }) => id === sent[0]!.id)!
    expect(await books[0]!.enqueue(again, send, call())).toEqual({ id: again.id, duplicate: false })
    expect(await books[0]!.enqueue({ ...again, name: 'elsewhere', id: 'other' }, send, call())).toEqual({ id: 'other', duplicate: false })
    expect(sent.length).toBe(2)
  }, 30_000)

  test('a key is free again after its window, and not before', async () => {
    const store = await open()
    const { sent, send } = outbox()
    let now = 1_000_000
    const clock: Clock = { now: () => now, timer: (ms, fire) => systemClock.timer(ms, fire) }
    const book = new Claims(store, clock, GRACE_MS)
    const first = await book.enqueue(jobOf('k', 5_000, now), send, call())
    now += 4_999
    expect(await book.enqueue(jobOf('k', 5_000, now), send, call())).toEqual({ id: first.id, duplicate: true })
    now += 1
    expect((await book.enqueue(jobOf('k', 5_000, now), send, call())).duplicate).toBe(false)
    expect(sent.length).toBe(2)
  })

  test('a send that surely failed gives the key back; one that nobody knows of is sent again by the next', async () => {
    const store = await open()
    const { sent, send } = outbox()
    const book = new Claims(store, systemClock, GRACE_MS)
    const failing = (outcome: 'not-applied' | 'unknown') => async () => {
      throw new PortError('UNAVAILABLE', { outcome })
    }
    await expect(book.enqueue(jobOf('sure'), failing('not-applied'), call())).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const next = jobOf('sure')
    expect(await book.enqueue(next, send, call())).toEqual({ id: next.id, duplicate: false })
    const lost = jobOf('unsure')
    await expect(book.enqueue(lost, failing('unknown'), call())).rejects.toMatchObject({ outcome: 'unknown' })
    expect(await book.enqueue(jobOf('unsure'), send, call())).toEqual({ id: lost.id, duplicate: true })
    expect(sent).toEqual([next, lost])
    await expect(book.enqueue(jobOf('slow'), failing('unknown'), call())).rejects.toMatchObject({ outcome: 'unknown' })
    const patient = new Claims(store, systemClock, 60_000)
    await expect(patient.enqueue(jobOf('slow'), send, within(300))).rejects.toThrow(/time/i)
  })

  test('a second try that surely failed says nothing of the first: the key stays taken', async () => {
    const store = await open()
    const { sent, send } = outbox()
    const book = new Claims(store, systemClock, GRACE_MS)
    const job = jobOf('twice')
    for (const outcome of ['unknown', 'not-applied'] as const) {
      const failing = () => Promise.reject(new PortError('UNAVAILABLE', { outcome }))
      await expect(book.enqueue(job, failing, call())).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    }
    expect(await book.enqueue(jobOf('twice'), send, call())).toEqual({ id: job.id, duplicate: true })
    expect(sent).toEqual([job])
  })

  test.each(['before', 'after'] as const)(
    'a process that is killed %s its send loses nothing',
    async (moment) => {
      const place = placeOf()
      const store = await open(place)
      const lost = jobOf('killed')
      const script = `
      const { Claims, openBucketStore, readSettings, config, systemClock, job, moment, env } = await load()
      const read = await readSettings(config, env)
      const store = openBucketStore(read.settings)
      const call = { signal: AbortSignal.timeout(20000) }
      const send = async () => {
        if (moment === 'after') await store.put('sent/' + job.id, Buffer.from(''), call)
        process.kill(process.pid, 'SIGKILL')
        await new Promise(() => {})
      }
      await new Claims(store, systemClock, 1000).enqueue({ ...job, payload: Buffer.from(job.payload) }, send, call)
      async function load() {
        const at = (file) => import(new URL(file, ${JSON.stringify(new URL('../dist/', import.meta.url).href)}).href)
        const ports = await import('@pdvend/ports')
        const given = JSON.parse(process.env.GIVEN)
        return { ...ports, ...given, ...(await at('bucket/claims.js')), ...(await at('bucket/store.js')), ...(await at('config.js')) }
      }`
      const given = { moment, env: { ...engine.env, ...place }, job: { ...lost, payload: Buffer.from(lost.payload).toString('utf8') } }
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        env: { ...process.env, GIVEN: JSON.stringify(given) },
        stdio: 'inherit',
      })
      expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
      const send = async ({ id }: DriverJob): Promise<void> => void (await store.put(`sent/${id}`, Buffer.from(''), call()))
      const answers = await Promise.all(
        Array.from({ length: 5 }, () => new Claims(store, systemClock, GRACE_MS).enqueue(jobOf('killed'), send, call())),
      )
      expect(answers).toEqual(Array.from({ length: 5 }, () => ({ id: lost.id, duplicate: true })))
      expect((await store.list('sent/', {}, call())).keys).toEqual([`sent/${lost.id}`])
      store.close()
    },
    40_000,
  )

  /** Where one caller stops for ever: before or after its so-manieth step, steps of the store and the send alike. */
  const death = fc.option(fc.record({ step: fc.integer({ min: 1, max: 4 }), carriedOut: fc.boolean() }), { nil: undefined })
  const caller = fc.record({ key: fc.constantFrom('a', 'b'), death, afterMs: fc.integer({ min: 0, max: 40 }) })

  test(
    'whoever dies where: all who hear an answer hear of one job a key, it is sent, and twice only where somebody died',
    async () => {
      const store = await open()
      let trial = 0
      await fc.assert(
        fc.asyncProperty(fc.array(caller, { minLength: 2, maxLength: 6 }), async (callers) => {
          const sent: string[] = []
          const prefix = `t${++trial}-`
          const deaths = new Map<string, number>()
          const works = callers.map(async ({ key, death: dies, afterMs }) => {
            const step = mortal(dies, () => deaths.set(key, (deaths.get(key) ?? 0) + 1))
            const mine = proxied(store, step)
            await new Promise((resolve) => setTimeout(resolve, afterMs))
            const send = ({ id }: DriverJob) => step(async () => void sent.push(id))
            return { key, ...(await new Claims(mine, systemClock, GRACE_MS).enqueue(jobOf(prefix + key), send, call())) }
          })
          // One that was to die, and ended otherwise, may still be at it when the engine stops.
          for (const work of works) work.catch(() => undefined)
          const alive = works.filter((_, n) => callers[n]!.death === undefined)
          const answers = await Promise.all(alive)
          for (const key of ['a', 'b']) {
            const heard = new Set(answers.filter((answer) => answer.key === key).map(({ id }) => id))
            expect(heard.size).toBeLessThanOrEqual(1)
            for (const id of heard) {
              const times = sent.filter((each) => each === id).length
              expect(times).toBeGreaterThanOrEqual(1)
              expect(times).toBeLessThanOrEqual(1 + (deaths.get(key) ?? 0))
            }
          }
          expect(new Set(sent).size).toBeLessThanOrEqual(2)
        }),
        { numRuns: 20 * SCALE },
      )
    },
    30_000 + 30_000 * SCALE,
  )
})

/** Counts steps, and stops for ever at one of them. */
function mortal(dies: { readonly step: number; readonly carriedOut: boolean } | undefined, onDeath: () => void) {
  let steps = 0
  return async <T>(work: () => Promise<T>): Promise<T> => {
    const last = ++steps === dies?.step
    if (last) onDeath()
    if (last && !dies!.carriedOut) return new Promise<T>(() => {})
    const result = await work()
    return last ? new Promise<T>(() => {}) : result
  }
}

function proxied(store: BucketStore, step: <T>(work: () => Promise<T>) => Promise<T>): BucketStore {
  return new Proxy(store, {
    get:
      (target, name) =>
      (...args: unknown[]) =>
        step(() => (Reflect.get(target, name) as (...given: unknown[]) => Promise<unknown>).apply(target, args)),
  })
}
