import assert from 'node:assert/strict'
import { defineJob, discard, type DriverJob, handle, type JobEvent, newId, PortError, retryAfter, snooze, systemClock } from '@pdvend/ports'
import { z } from 'zod'
import { all, empty, type JobCase, jobOf, type JobSubject, openQueue, range, until } from './rig.js'

/** Puts bytes in as another program might: no envelope of ours around them. */
async function enqueueRaw(subject: JobSubject, name: string, bytes: Uint8Array): Promise<string> {
  const driver = await subject.driver()
  const now = subject.clock.now()
  const job: DriverJob = { id: newId(now), name, payload: bytes, dueAt: now, enqueuedAt: now, priority: 0 }
  await driver.enqueue([job], { signal: AbortSignal.timeout(10_000) })
  return job.id
}

const delays = (events: readonly JobEvent[]): number[] => events.flatMap((event) => (event.type === 'retried' ? [event.delayMs] : []))

/** Q23 to Q31: when a job runs again, and when it never does. */
export const retry: readonly JobCase[] = [
  {
    id: 'Q23',
    title: 'the attempt counts 1, 2, 3, ... up to maxAttempts, then the job is dead',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject, { retry: { maxAttempts: 4, firstMs: 10, maxMs: 20 } })
      const seen: number[] = []
      queue.work([
        handle(job, (_, { attempt }) => {
          seen.push(attempt)
          throw new Error('no')
        }),
      ])
      await queue.enqueue(job, { n: 1 })
      await until(subject, async () => (await queue.stats(job.name)).dead === 1 || seen.length > 4)
      assert.deepEqual(seen, [1, 2, 3, 4])
    },
  },
  {
    id: 'Q24',
    title: 'backoff doubles with full jitter within its bounds, and is waited for',
    engine: ['fakeClock'],
    async run(subject) {
      const drawn: number[] = []
      const random = (): number => {
        const value = subject.random()
        drawn.push(value)
        return value
      }
      const { queue, events } = await openQueue(subject, { face: { random } })
      const job = jobOf(subject, { retry: { maxAttempts: 8, firstMs: 1_000, maxMs: 10_000 } })
      const startedAt: number[] = []
      queue.work([
        handle(job, () => {
          startedAt.push(subject.clock.now())
          throw new Error('no')
        }),
      ])
      await queue.enqueue(job, { n: 1 })
      await until(subject, async () => (await queue.stats(job.name)).dead === 1, { stepMs: 50 })
      const waits = delays(events)
      const bounds = [1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000]
      assert.deepEqual(
        waits,
        bounds.map((bound, at) => bound * drawn[at]!),
      )
      for (const [at, wait] of waits.entries()) {
        const took = startedAt[at + 1]! - startedAt[at]!
        assert.ok(took >= wait && took <= wait + 200, `wait ${at}: ${took} ms for ${wait} ms`)
      }
    },
  },
  {
    id: 'Q25',
    title: 'discard skips the retries: dead at once, with its reason and cause',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject)
      let runs = 0
      queue.work([
        handle(job, () => {
          runs++
          throw discard('sale was cancelled', new Error('404'))
        }),
      ])
      await queue.enqueue(job, { n: 1 })
      await until(subject, async () => (await queue.stats(job.name)).dead === 1)
      const [dead] = await all(queue.dead.list({ name: job.name }))
      assert.equal(runs, 1)
      assert.equal(dead?.reason, 'discarded')
      assert.deepEqual(dead.errors, ['JobVerdict: sale was cancelled', 'Error: 404'])
    },
  },
  {
    id: 'Q26',
    title: 'retryAfter is honoured to the millisecond, hours included, and costs an attempt',
    engine: ['fakeClock'],
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject)
      const seen: [number, number][] = []
      queue.work([
        handle(job, (_, { attempt }) => {
          seen.push([attempt, subject.clock.now()])
          if (attempt === 1) throw retryAfter(14 * 3_600_000)
        }),
      ])
      await queue.enqueue(job, { n: 1 })
      await until(subject, () => seen.length === 1)
      await until(subject, async () => (await queue.stats(job.name)).delayed === 1)
      await until(subject, () => seen.length === 2, { withinMs: 15 * 3_600_000, stepMs: 60_000 })
      assert.deepEqual(
        seen.map(([attempt]) => attempt),
        [1, 2],
      )
      const waited = seen[1]![1] - seen[0]![1]
      assert.ok(waited >= 14 * 3_600_000 && waited < 14 * 3_600_000 + 1_000, `${waited}`)
    },
  },
  {
    id: 'Q27',
    title: 'snooze costs no attempt',
    async run(subject) {
      const { queue, events } = await openQueue(subject)
      const job = jobOf(subject, { retry: { maxAttempts: 1 } })
      const seen: number[] = []
      queue.work([
        handle(job, (_, { attempt }) => {
          seen.push(attempt)
          if (seen.length < 4) throw snooze(20)
        }),
      ])
      await queue.enqueue(job, { n: 1 })
      await until(subject, () => empty(queue, job.name))
      assert.deepEqual(seen, [1, 1, 1, 1])
      assert.equal(events.filter(({ type }) => type === 'released').length, 3)
    },
  },
  {
    id: 'Q28',
    title: 'what a failed attempt did to its input or headers does not reach the next',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = defineJob(`${subject.run}.list`, { input: z.object({ list: z.array(z.number()) }), retry: { firstMs: 5 } })
      const seen: string[] = []
      queue.work([
        handle(job, (input, { headers, attempt }) => {
          seen.push(JSON.stringify([input, headers]))
          input.list.push(99)
          assert.throws(() => Object.assign(headers as Record<string, string>, { added: 'x' }))
          if (attempt < 3) throw new Error('no')
        }),
      ])
      await queue.enqueue(job, { list: [1] }, { headers: { a: 'b' } })
      await until(subject, () => empty(queue, job.name))
      assert.deepEqual(seen, Array(3).fill(JSON.stringify([{ list: [1] }, { a: 'b' }])))
    },
  },
  {
    id: 'Q28.1',
    title: 'each job runs in the context of its own enqueue, none in that of another or of the worker',
    async run(subject) {
      const { withContext, currentContext } = await import('@pdvend/ports')
      const { queue } = await openQueue(subject)
      const job = jobOf(subject, { retry: { firstMs: 5 } })
      const seen = new Map<number, (string | undefined)[]>()
      withContext({ transactionId: 'of the worker', accountId: 'wrong' }, () =>
        queue.work([
          handle(job, ({ n }, { attempt }) => {
            const context = currentContext()
            seen.set(n, [...(seen.get(n) ?? []), context?.transactionId, context?.accountId])
            if (n === 2 && attempt === 1) throw new Error('once more')
          }),
        ]),
      )
      for (const n of [1, 2]) await withContext({ transactionId: `sale-${n}`, accountId: `shop-${n}` }, () => queue.enqueue(job, { n }))
      await queue.enqueue(job, { n: 3 })
      await until(subject, () => empty(queue, job.name))
      assert.deepEqual(seen.get(1), ['sale-1', 'shop-1'])
      assert.deepEqual(seen.get(2), ['sale-2', 'shop-2', 'sale-2', 'shop-2'])
      assert.notEqual(seen.get(3)?.[0], 'of the worker')
      assert.ok(seen.get(3)?.[0], 'a transaction of its own')
      assert.equal(seen.get(3)?.[1], undefined)
    },
  },
  {
    id: 'Q29',
    title: 'the chain of causes is stored, outermost first, without secrets',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject, { retry: { maxAttempts: 1 } })
      const canary = 'c4n4ry-S3cret'
      queue.work([
        handle(job, () => {
          const inner = new Error(`connect postgres://app:${canary}@db:5432/pos failed, password=${canary}`)
          const middle = new Error(`Authorization: Bearer ${canary}abcdef`, { cause: inner })
          throw new TypeError(`could not issue {"apiKey":"${canary}"} \u0000 \ud800`, { cause: middle })
        }),
      ])
      await queue.enqueue(job, { n: 1 })
      await until(subject, async () => (await queue.stats(job.name)).dead === 1)
      const [dead] = await all(queue.dead.list({ name: job.name }))
      assert.equal(dead?.errors.length, 3)
      assert.match(dead.errors[0]!, /^TypeError: could not issue/)
      assert.match(dead.errors[2]!, /connect postgres:.*db:5432\/pos failed/)
      assert.ok(!JSON.stringify(dead.errors).includes(canary), JSON.stringify(dead.errors))
    },
  },
  {
    id: 'Q30',
    title: 'a payload that cannot be parsed goes to the dead letters at once, with its text; those around it run',
    async run(subject) {
      const { queue, events } = await openQueue(subject)
      const job = jobOf(subject)
      const texts = [
        '',
        'not json {',
        '[]',
        '{"specversion":"0.3"}',
        JSON.stringify({ specversion: '1.0', id: 'x', type: 'other.job', source: '/', time: '2026-01-01T00:00:00Z', data: {} }),
      ]
      const ids: string[] = []
      for (const text of texts) ids.push(await enqueueRaw(subject, job.name, new TextEncoder().encode(text)))
      ids.push(await enqueueRaw(subject, job.name, Uint8Array.of(0xff, 0xfe, 0)))
      await queue.enqueue(job, { n: 1 })
      const seen: number[] = []
      queue.work([handle(job, ({ n }) => void seen.push(n))], { concurrency: 1 })
      await until(subject, async () => (await queue.stats(job.name)).dead === ids.length && seen.length === 1)
      const dead = await all(queue.dead.list({ name: job.name }))
      assert.deepEqual(
        dead.map(({ id, reason, attempts }) => [id, reason, attempts]),
        ids.map((id) => [id, 'unparsable', 1]),
      )
      assert.equal(dead[1]?.input, 'not json {')
      assert.ok(dead.every(({ errors }) => errors.length > 0))
      assert.equal(events.filter(({ type }) => type === 'started').length, ids.length + 1, 'none of them loops')
    },
  },
  {
    id: 'Q31',
    title: 'a job that kills its process three times is dead as poison and kills no fourth; its neighbours live',
    engine: ['processes'],
    timeoutMs: 90_000,
    async run(subject) {
      const { queue } = await openQueue(subject, { clock: systemClock })
      const job = jobOf(subject)
      const { id } = await queue.enqueue(job, { n: 1 })
      for (const _ of range(3)) {
        const child = subject.spawn(new URL('./child-worker.js', import.meta.url), { names: [job.name], leaseMs: 500, die: true })
        await child.message((message) => (message as { dying?: boolean }).dying === true)
        await child.kill()
      }
      const fourth = subject.spawn(new URL('./child-worker.js', import.meta.url), { names: [job.name], leaseMs: 500 })
      await until(subject, async () => (await queue.stats(job.name)).dead === 1, { real: true })
      const neighbour = await queue.enqueue(job, { n: 2 })
      await fourth.message((message) => (message as { id?: string; end?: number }).id === neighbour.id)
      assert.ok(!fourth.messages.some((message) => (message as { id?: string }).id === id), 'the poison was not run again')
      const [dead] = await all(queue.dead.list({ name: job.name }))
      assert.deepEqual([dead?.id, dead?.reason], [id, 'poison'])
      assert.ok(!PortError.is(dead))
    },
  },
]
