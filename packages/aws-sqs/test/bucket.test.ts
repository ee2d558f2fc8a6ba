import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { faultKinds, strengths, whyMissing } from '@pdvend/engines'
import { type DriverDeadJob, newId, type PortError, type PortErrorCode } from '@pdvend/ports'
import { DeadLetters } from '../src/bucket/dead.js'
import { Notes } from '../src/bucket/notes.js'
import { Payloads } from '../src/bucket/offload.js'
import { openBucketStore } from '../src/bucket/store.js'
import type { BucketStore } from '../src/bucket/types.js'
import { settingsOf, within } from './open.js'
import { type JobsEngine, startSqs } from './sqs-engine.js'

const missing = await whyMissing('ministack')
const suite = missing === undefined ? describe : describe.skip
suite(`what the bucket keeps${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let engine: JobsEngine
  let store: BucketStore
  let runs = 0
  const call = () => within(20_000)
  /** A place of its own for each test. */
  const open = async (env = {}): Promise<BucketStore> =>
    openBucketStore(await settingsOf({ ...engine.env, PDVEND_JOBS_BUCKET_PREFIX: `run-${++runs}/`, ...env }))
  beforeAll(async () => {
    engine = await startSqs()
    store = await open()
  }, 120_000)
  afterEach(() => engine.bucketProxy.inject())
  afterAll(async () => {
    store?.close()
    await engine?.stop()
  }, 60_000)

  const letter = (name: string, diedAt: number, more: Partial<DriverDeadJob> = {}): DriverDeadJob => ({
    job: { id: newId(), name, payload: Buffer.from(`{"n":${diedAt}}`), dueAt: 1, enqueuedAt: 1, priority: 0, key: `k${diedAt % 3}` },
    ...{ reason: 'exhausted', errors: [`Error: "quoted" ção ${diedAt % 2}`], attempts: 3, diedAt },
    ...more,
  })

  describe('the store', () => {
    test('creates once, replaces only what it saw, lists page by page, and takes what is away for deleted', async () => {
      const first = await store.putIfAbsent('once', Buffer.from('a'), call())
      expect(first).toEqual(expect.any(String))
      expect(await store.putIfAbsent('once', Buffer.from('b'), call())).toBeUndefined()
      const second = await store.putIfMatch('once', Buffer.from('c'), first!, call())
      expect(await store.putIfMatch('once', Buffer.from('d'), first!, call())).toBeUndefined()
      expect(await store.get('once', call())).toEqual({ bytes: Buffer.from('c'), etag: second })
      await store.delete('once', call())
      await store.delete('once', call())
      expect(await store.get('once', call())).toBeUndefined()
      expect(await store.putIfMatch('once', Buffer.from('e'), second!, call())).toBeUndefined()
      for (const n of [3, 1, 2]) await store.put(`page/${n}`, Buffer.from(''), call())
      expect(await store.list('page/', { limit: 2 }, call())).toEqual({ keys: ['page/1', 'page/2'], more: true })
      expect(await store.list('page/', { after: 'page/2' }, call())).toEqual({ keys: ['page/3'], more: false })
    })

    const TYPED: readonly PortErrorCode[] = ['UNAVAILABLE', 'RATE_LIMITED', 'PERMISSION_DENIED', 'INTEGRITY_FAILED']
    test.each(faultKinds.filter((kind) => kind !== 'clockSkew' && kind !== 'partialFailure'))(
      '%s: a typed error or success, in time',
      async (kind) => {
        const hasty = await open({ PDVEND_JOBS_REQUEST_TIMEOUT_MS: '400' })
        const bytes = Buffer.alloc(200_000, 7)
        await hasty.put('there', bytes, call())
        for (const strength of strengths) {
          engine.bucketProxy.inject({ kind, strength })
          const startedAt = Date.now()
          const works = [
            ...Array.from({ length: 5 }, () => hasty.get('there', call()).then((found) => Buffer.compare(found!.bytes, bytes))),
            ...Array.from({ length: 5 }, (_, n) => hasty.put(`new-${n}`, bytes, call()).then(() => 0)),
            hasty.list('', {}, call()).then(() => 0),
          ]
          for (const outcome of await Promise.allSettled(works))
            if (outcome.status === 'fulfilled') expect(outcome.value).toBe(0)
            else expect(TYPED).toContain((outcome.reason as PortError).code)
          expect(Date.now() - startedAt).toBeLessThan(5_000)
          engine.bucketProxy.inject()
          expect((await hasty.get('there', call()))?.bytes.byteLength).toBe(200_000)
        }
        hasty.close()
      },
      40_000,
    )
  })

  describe('dead letters', () => {
    test('come back as they were filed, payload byte for byte; the same death filed again is one letter', async () => {
      const box = new DeadLetters(await open())
      const odd = letter('odd', 5)
      const payload = Buffer.from([0, 10, 255, 13, 10, 0xed, 0xa0, 0x80])
      const filed = { ...odd, job: { ...odd.job, payload, dedupe: { key: 'x', windowMs: 5 } } }
      await box.file(filed, call())
      await box.file(filed, call())
      const { jobs, cursor } = await box.list({ limit: 10, ...call() })
      expect([jobs, cursor]).toEqual([[filed], undefined])
      expect(await box.count(['odd'], call())).toBe(1)
    })

    test('are found by every condition, oldest first over all names, and pages add up', async () => {
      const box = new DeadLetters(await open())
      const letters = Array.from({ length: 60 }, (_, n) =>
        letter(['a', 'a.b', 'a-b', 'a0'][n % 4]!, 1_000 + n, n % 10 === 0 ? { reason: 'poison' } : {}),
      )
      await Promise.all(letters.toReversed().map((each) => box.file(each, call())))
      const found = async (query: object, limit = 7): Promise<readonly DriverDeadJob[]> => {
        const all: DriverDeadJob[] = []
        let cursor: string | undefined
        do {
          const page = await box.list({ ...query, limit, ...(cursor === undefined ? {} : { cursor }), ...call() })
          expect(page.jobs.length).toBeLessThanOrEqual(limit)
          all.push(...page.jobs)
          cursor = page.cursor
        } while (cursor !== undefined)
        return all
      }
      const where = (test: (each: DriverDeadJob) => boolean) => letters.filter(test)
      expect(await found({})).toEqual(letters)
      expect(await found({}, 60)).toEqual(letters)
      expect(await found({ name: 'a' })).toEqual(where(({ job }) => job.name === 'a'))
      expect(await found({ key: 'k1' })).toEqual(where(({ job }) => job.key === 'k1'))
      expect(await found({ reason: 'poison' })).toEqual(where(({ reason }) => reason === 'poison'))
      expect(await found({ error: '"quoted" ção 1' })).toEqual(where(({ diedAt }) => diedAt % 2 === 1))
      expect(await found({ from: new Date(1_010), to: new Date(1_020) })).toEqual(where(({ diedAt }) => diedAt >= 1_010 && diedAt <= 1_020))
      const ids = [letters[3]!, letters[40]!].map(({ job }) => job.id)
      expect((await found({ ids: [...ids, 'nobody'] })).map(({ job }) => job.id)).toEqual(ids)
      expect([await box.count(undefined, call()), await box.count(['a.b', 'a0'], call()), await box.count(['none'], call())]).toEqual([
        60, 30, 0,
      ])
    }, 30_000)

    test('are taken out by id, also by one who never listed them, and by one whose list is old', async () => {
      const place = await open()
      const [mine, other] = [new DeadLetters(place), new DeadLetters(place)]
      const [one, two] = [letter('w', 1), letter('w', 2)]
      await mine.file(one, call())
      await mine.file(two, call())
      await mine.list({ limit: 10, ...call() })
      const taken = await other.byIds([one.job.id, 'nobody'], call())
      expect(taken.map(({ job }) => job.id)).toEqual([one.job.id])
      await other.remove(taken[0]!, call())
      expect(await mine.byIds([one.job.id], call())).toEqual([])
      await other.file({ ...one, diedAt: 9 }, call())
      expect((await mine.byIds([one.job.id, two.job.id], call())).map(({ diedAt }) => diedAt).toSorted()).toEqual([2, 9])
    })
  })

  test('large payloads and notes are kept by job, and gone when removed', async () => {
    const place = await open()
    const [payloads, notes] = [new Payloads(place), new Notes(place)]
    const job = { id: 'a/b ç', name: 'w' }
    const bytes = Buffer.alloc(3_000_000, 1)
    await payloads.put(job, bytes, call())
    expect(Buffer.compare((await payloads.get(job, call()))!, bytes)).toBe(0)
    await payloads.delete(job, call())
    await payloads.delete(job, call())
    expect(await payloads.get(job, call())).toBeUndefined()
    expect(await notes.read(job, call())).toBeUndefined()
    const note = { message: 'm', attempt: 2, crashes: 0, receives: 1, dueAt: 5_000 }
    await notes.write(job, { ...note, dueAt: 1 }, call())
    await notes.write(job, note, call())
    await notes.write({ ...job, name: 'v' }, note, call())
    expect(await notes.read(job, call())).toEqual(note)
    expect(await Promise.all([4_999, 5_000].map((now) => notes.countDelayed(['w'], now, call())))).toEqual([1, 0])
    expect(await notes.countDelayed(undefined, 0, call())).toBe(2)
    await notes.remove(job, call())
    expect(await notes.read(job, call())).toBeUndefined()
  })
})
