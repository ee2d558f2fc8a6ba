import assert from 'node:assert/strict'
import { defineJob, handle, PortError } from '@pdvend/ports'
import { z } from 'zod'
import { all, empty, type JobCase, jobOf, openQueue, until } from './rig.js'

/** Q81 to Q91: what a job may hold, and what one can see of it. */
export const content: readonly JobCase[] = [
  {
    id: 'Q81',
    title: 'the schema refuses at enqueue with the path; nothing is stored',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = defineJob(`${subject.run}.sale`, {
        input: z.object({ sale: z.object({ items: z.array(z.object({ cents: z.number().int() })) }) }),
      })
      const bad = { sale: { items: [{ cents: 1 }, { cents: 1.5 }] } }
      await assert.rejects(
        queue.enqueue(job, bad),
        (error) =>
          PortError.is(error, 'INVALID_ARGUMENT') && error.message.includes('sale.items.1.cents') && error.outcome === 'not-applied',
      )
      assert.ok(await empty(queue, job.name))
    },
  },
  {
    id: 'Q81.1',
    title: 'what passes at enqueue passes at consume: input that JSON would change into something invalid is refused at once',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const dated = defineJob(`${subject.run}.dated`, { input: z.object({ at: z.date() }) })
      await assert.rejects(
        queue.enqueue(dated, { at: new Date() }),
        (error) => PortError.is(error, 'INVALID_ARGUMENT') && /at/.test(error.message),
      )
      const coerced = defineJob(`${subject.run}.coerced`, { input: z.object({ at: z.coerce.date(), n: z.number().default(3) }) })
      const seen: unknown[] = []
      queue.work([handle(coerced, (input) => void seen.push(input))])
      const at = new Date(1_700_000_000_000)
      await queue.enqueue(coerced, { at })
      await until(subject, () => seen.length === 1)
      assert.deepEqual(seen, [{ at, n: 3 }])
    },
  },
  {
    id: 'Q81.2',
    title: 'the input is taken as it is at the call: a later change of the object does not reach the job',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject)
      const input = { n: 1 }
      const enqueued = queue.enqueue(job, input)
      input.n = 2
      await enqueued
      const seen: number[] = []
      queue.work([handle(job, ({ n }) => void seen.push(n))])
      await until(subject, () => seen.length === 1)
      assert.deepEqual(seen, [1])
    },
  },
  {
    id: 'Q82',
    title: 'input that the worker’s schema refuses goes to the dead letters at once with the path',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const name = `${subject.run}.drift`
      const wide = defineJob(name, { input: z.object({ code: z.string() }) })
      const narrow = defineJob(name, { input: z.object({ code: z.string().length(3) }) })
      let runs = 0
      queue.work([handle(narrow, () => void runs++)])
      await queue.enqueue(wide, { code: 'toolong' })
      await queue.enqueue(wide, { code: 'abc' })
      await until(subject, async () => runs === 1 && (await queue.stats(name)).dead === 1)
      const [dead] = await all(queue.dead.list({ name }))
      assert.equal(dead?.reason, 'invalid')
      assert.match(dead.errors[0]!, /code/)
      assert.deepEqual([dead.attempts, dead.input], [1, { code: 'toolong' }])
    },
  },
  {
    id: 'Q82.1',
    title: 'a schema or a key function that throws is INVALID_ARGUMENT at enqueue and a dead letter at consume; the worker lives',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const name = `${subject.run}.throws`
      const fine = defineJob(name, { input: z.unknown() })
      const throwing = defineJob(name, {
        input: z.unknown().transform((value) => {
          if (value === 'boom') throw new RangeError('schema exploded')
          return value
        }),
      })
      await assert.rejects(queue.enqueue(throwing, 'boom'), (error) => PortError.is(error, 'INVALID_ARGUMENT'))
      const badKey = defineJob(name, {
        input: z.unknown(),
        key: () => {
          throw new Error('no key')
        },
      })
      await assert.rejects(queue.enqueue(badKey, 1), (error) => PortError.is(error, 'INVALID_ARGUMENT') && /key/.test(error.message))
      const seen: unknown[] = []
      queue.work([handle(throwing, (input) => void seen.push(input))])
      await queue.enqueue(fine, 'boom')
      await queue.enqueue(fine, 'fine')
      await until(subject, async () => seen.length === 1 && (await queue.stats(name)).dead === 1)
      const [dead] = await all(queue.dead.list({ name }))
      assert.deepEqual([dead?.reason, dead?.input, seen], ['invalid', 'boom', ['fine']])
    },
  },
  {
    id: 'Q83',
    title: 'a v1 job is read by a v2 worker through its schema; a v2 job that a v1 worker cannot read is kept and comes back',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const name = `${subject.run}.versions`
      const v1 = defineJob(name, { input: z.strictObject({ total: z.number() }) })
      const v2 = defineJob(name, {
        input: z.union([
          z.strictObject({ cents: z.number() }),
          z.strictObject({ total: z.number() }).transform(({ total }) => ({ cents: total * 100 })),
        ]),
      })
      const seen: unknown[] = []
      const old = queue.work([handle(v1, (input) => void seen.push(['v1', input]))])
      await queue.enqueue(v2, { cents: 150 })
      await until(subject, async () => (await queue.stats(name)).dead === 1)
      await old.close()
      await queue.enqueue(v1, { total: 2 })
      queue.work([handle(v2, (input) => void seen.push(['v2', input]))], { concurrency: 1 })
      await until(subject, () => seen.length === 1)
      assert.equal(await queue.dead.redrive({ name, reason: 'invalid' }), 1)
      await until(subject, () => empty(queue, name))
      assert.deepEqual(seen, [
        ['v2', { cents: 200 }],
        ['v2', { cents: 150 }],
      ])
    },
  },
]
