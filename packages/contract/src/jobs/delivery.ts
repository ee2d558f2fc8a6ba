import assert from 'node:assert/strict'
import { defineJob, handle, type JobReceipt, PortError } from '@pdvend/ports'
import { z } from 'zod'
import { deferred, empty, type JobCase, jobOf, openQueue, pass, range, until } from './rig.js'

const ODD_TEXTS = [
  '',
  ' ',
  'ação',
  'emoji 🧾👩‍💻',
  'a\u0000b',
  '\u2028\u2029',
  '%2F+=&',
  '{"json":1}',
  'x'.repeat(2_000),
  '__proto__',
  '\ud800 alone',
]

/** Q1 to Q13: what goes in comes out, once, whole, in the right hands. */
export const delivery: readonly JobCase[] = [
  {
    id: 'Q1',
    title: 'a job that is enqueued is handled with equal input, id and time',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject)
      const seen: unknown[] = []
      queue.work([
        handle(job, (input, { id, name, attempt, enqueuedAt }) => void seen.push({ input, id, name, attempt, at: enqueuedAt.getTime() })),
      ])
      const at = subject.clock.now()
      const receipt = await queue.enqueue(job, { n: 7 })
      assert.equal(receipt.duplicate, false)
      await until(subject, () => seen.length === 1)
      const { at: enqueuedAt, ...rest } = seen[0] as { at: number }
      assert.deepEqual(rest, { input: { n: 7 }, id: receipt.id, name: job.name, attempt: 1 })
      assert.ok(enqueuedAt >= at && enqueuedAt <= subject.clock.now())
    },
  },
  {
    id: 'Q2',
    title: 'any JSON comes out equal: Unicode, nested, empty, __proto__, 0.1, null',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = defineJob(`${subject.run}.any`, { input: z.unknown() })
      const inputs: unknown[] = [
        null,
        0,
        -0.1,
        1e300,
        true,
        '',
        [],
        {},
        [[[[]]]],
        ...ODD_TEXTS,
        { deep: { er: [{ a: null }] } },
        JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}'),
        Object.fromEntries(range(500).map((n) => [`field ${n} ç`, n])),
      ]
      const seen: unknown[] = []
      const outcomes = await queue.enqueueMany(inputs.map((input) => ({ job, input })))
      assert.deepEqual(
        outcomes.filter(({ error }) => error !== undefined),
        [],
      )
      queue.work([handle(job, (input) => void seen.push(input))], { concurrency: 1 })
      await until(subject, () => seen.length === inputs.length)
      const sorted = (values: readonly unknown[]): readonly string[] => values.map((value) => JSON.stringify(value)).toSorted()
      assert.deepEqual(sorted(seen), sorted(inputs))
      assert.equal(({} as { polluted?: boolean }).polluted, undefined)
    },
  },
  {
    id: 'Q3',
    title: 'headers with odd names and values come out equal; those that cannot travel are refused',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject)
      const headers = JSON.parse('{"X-Ção": "é 🧾", "__proto__": "own", "a b=c": "\\r\\nSet: 1", "empty": ""}') as Record<string, string>
      const seen: unknown[] = []
      queue.work([handle(job, (_, context) => void seen.push(context.headers))])
      await queue.enqueue(job, { n: 1 }, { headers })
      await until(subject, () => seen.length === 1)
      assert.equal(JSON.stringify(seen[0]), JSON.stringify(headers))
      for (const bad of [{ '': 'x' }, { 'a\nb': 'x' }, { a: 1 }, { a: '\ud800' }, Object.fromEntries(range(65).map((n) => [`h${n}`, '']))])
        await assert.rejects(
          queue.enqueue(job, { n: 1 }, { headers: bad as never }),
          (error) => PortError.is(error, 'INVALID_ARGUMENT') && /headers/.test(error.message),
        )
      await assert.rejects(queue.enqueue(job, { n: 1 }, { headers: { big: 'x'.repeat(20_000) } }), (error) =>
        PortError.is(error, 'TOO_LARGE'),
      )
    },
  },
  {
    id: 'Q4',
    title: 'of 100 jobs none is lost',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject)
      const seen = new Set<number>()
      await Promise.all(range(100).map((n) => queue.enqueue(job, { n })))
      queue.work([handle(job, ({ n }) => void seen.add(n))])
      await until(subject, () => empty(queue, job.name))
      assert.equal(seen.size, 100)
    },
  },
  {
    id: 'Q5',
    title: '5,000 jobs, 5 workers of 10: each runs exactly once when nobody fails',
    timeoutMs: 150_000,
    async run(subject) {
      const { queue } = await openQueue(subject)
      const others = await Promise.all([subject.open(), subject.open()])
      const job = jobOf(subject)
      const runs = new Map<number, number>()
      const handler = handle(job, async ({ n }) => {
        await new Promise((resolve) => setImmediate(resolve))
        runs.set(n, (runs.get(n) ?? 0) + 1)
      })
      const outcomes = await queue.enqueueMany(range(5_000).map((n) => ({ job, input: { n } })))
      assert.ok(outcomes.every(({ error }) => error === undefined))
      for (const each of [queue, queue, queue, ...others]) each.work([handler])
      await until(subject, () => runs.size === 5_000, { stepMs: 10, mostMs: 90_000 })
      await until(subject, () => empty(queue, job.name), { stepMs: 10 })
      assert.deepEqual(
        [...runs].filter(([, times]) => times !== 1),
        [],
      )
    },
  },
  {
    id: 'Q6',
    title: '20 jobs side by side do not mix',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const jobs = range(20).map((n) => jobOf(subject, { name: `q${n}` }))
      const wrong: string[] = []
      let right = 0
      queue.work(
        jobs.map((job, at) =>
          handle(job, ({ n }, { name }) => {
            if (n === at && name === job.name) right++
            else wrong.push(`${n} in ${name}`)
          }),
        ),
      )
      await queue.enqueueMany(range(100).map((n) => ({ job: jobs[n % 20]!, input: { n: n % 20 } })))
      await until(subject, () => right + wrong.length === 100)
      assert.deepEqual(wrong, [])
    },
  },
  {
    id: 'Q7',
    title: 'a job enqueued before any worker waits for one',
    async run(subject) {
      const first = await subject.open()
      const job = jobOf(subject)
      const { id } = await first.enqueue(job, { n: 1 })
      await first.close()
      const { queue } = await openQueue(subject)
      const seen: string[] = []
      queue.work([handle(job, (_, context) => void seen.push(context.id))])
      await until(subject, () => seen.length === 1)
      assert.deepEqual(seen, [id])
    },
  },
  {
    id: 'Q8',
    title: 'a batch with invalid items: the others are in, one outcome an item, in order',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject)
      const cycle: Record<string, unknown> = { n: 1 }
      cycle.self = cycle
      const inputs = [{ n: 0 }, { n: 'one' }, { n: 2 }, cycle, { n: 4 }, { n: 5n }] as { n: number }[]
      const outcomes = await queue.enqueueMany(inputs.map((input) => ({ job, input })))
      assert.deepEqual(
        outcomes.map(({ error }) => error?.code),
        [undefined, 'INVALID_ARGUMENT', undefined, 'INVALID_ARGUMENT', undefined, 'INVALID_ARGUMENT'],
      )
      const seen: number[] = []
      queue.work([handle(job, ({ n }) => void seen.push(n))], { concurrency: 1 })
      await until(subject, () => empty(queue, job.name))
      assert.deepEqual(seen.toSorted(), [0, 2, 4])
    },
  },
  {
    id: 'Q8.1',
    title: 'what the engine refuses of a batch is told per item, and only that',
    async run(subject) {
      const refused = new Set<string>()
      const wrap = (driver: { enqueue(jobs: readonly { id: string }[], call: unknown): Promise<unknown[]> }): unknown =>
        new Proxy(driver, {
          get: (target, field) =>
            field !== 'enqueue'
              ? Reflect.get(target, field)
              : async (jobs: readonly { id: string }[], call: unknown) => {
                  const good = jobs.filter((_, at) => at !== 1)
                  const answers = [...(await target.enqueue(good, call))]
                  if (jobs.length > 1) {
                    refused.add(jobs[1]!.id)
                    answers.splice(1, 0, { error: new PortError('PERMISSION_DENIED', { detail: 'injected' }) })
                  }
                  return answers
                },
        })
      const { queue } = await openQueue(subject, { wrap: wrap as never })
      const job = jobOf(subject)
      const outcomes = await queue.enqueueMany(range(3).map((n) => ({ job, input: { n } })))
      assert.deepEqual(
        outcomes.map(({ error }) => error?.code),
        [undefined, 'PERMISSION_DENIED', undefined],
      )
      const seen: number[] = []
      queue.work([handle(job, ({ n }) => void seen.push(n))], { concurrency: 1 })
      await until(subject, () => empty(queue, job.name))
      assert.deepEqual(seen, [0, 2])
    },
  },
  {
    id: 'Q9',
    title: 'a batch over the engine limit is split, nothing lost, order of outcomes kept',
    timeoutMs: 60_000,
    async run(subject) {
      const sizes: number[] = []
      const wrap = (driver: { limits: { maxBatch: number }; enqueue(jobs: readonly unknown[], call: unknown): unknown }): unknown =>
        new Proxy(driver, {
          get: (target, field) =>
            field !== 'enqueue'
              ? Reflect.get(target, field)
              : (jobs: readonly unknown[], call: unknown) => {
                  sizes.push(jobs.length)
                  return target.enqueue(jobs, call)
                },
        })
      const driver = await subject.driver()
      const count = driver.limits.maxBatch * 2 + 1
      const { queue } = await openQueue(subject, { wrap: wrap as never })
      const job = jobOf(subject)
      const outcomes = await queue.enqueueMany(range(count).map((n) => ({ job, input: { n } })))
      assert.equal(new Set(outcomes.map(({ id }) => id)).size, count)
      assert.deepEqual(sizes, [driver.limits.maxBatch, driver.limits.maxBatch, 1])
      const seen: number[] = []
      queue.work([handle(job, ({ n }) => void seen.push(n))], { concurrency: 100 })
      await until(subject, () => empty(queue, job.name), { stepMs: 10 })
      assert.equal(new Set(seen).size, count)
    },
  },
  {
    id: 'Q12',
    title: 'a worker without a handler for a job never takes it',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const [mine, theirs] = [jobOf(subject, { name: 'mine' }), jobOf(subject, { name: 'theirs' })]
      const seen: string[] = []
      const note = (job: typeof mine) => handle(job, (_, { name, attempt }) => void seen.push(`${name} ${attempt}`))
      const worker = queue.work([note(mine)])
      await queue.enqueueMany([
        { job: theirs, input: { n: 1 } },
        { job: mine, input: { n: 1 } },
      ])
      await until(subject, () => seen.length === 1)
      await pass(subject, 500)
      assert.deepEqual(seen, [`${mine.name} 1`])
      assert.equal((await queue.stats(theirs.name)).ready, 1)
      await worker.close()
      queue.work([note(theirs)])
      await until(subject, () => seen.length === 2)
      assert.equal(seen[1], `${theirs.name} 1`)
    },
  },
  {
    id: 'Q13',
    title: 'a job of the largest size goes through; one byte more is TOO_LARGE before anything is sent',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const driver = await subject.driver()
      const job = defineJob(`${subject.run}.big`, { input: z.object({ text: z.string() }) })
      const fits = async (size: number): Promise<JobReceipt | PortError> =>
        queue.enqueue(job, { text: 'x'.repeat(size) }).catch((error: PortError) => error)
      let [low, high] = [0, driver.limits.maxPayloadBytes]
      const tooLarge = await fits(high)
      assert.ok(PortError.is(tooLarge, 'TOO_LARGE') && /blob/.test(tooLarge.message), 'names the mend')
      const probe = await fits(0)
      assert.ok(!PortError.is(probe))
      // The envelope's own size is constant for one job: the largest input is found by halving.
      while (high - low > 1) {
        const middle = (low + high) >> 1
        if (high - low > 4_096) low = Math.max(low, high - 4_096)
        else if (PortError.is(await fits(middle))) high = middle
        else low = middle
      }
      const seen: number[] = []
      queue.work([handle(job, ({ text }) => void seen.push(text.length))])
      await until(subject, () => empty(queue, job.name))
      assert.equal(Math.max(...seen), low)
      assert.ok(driver.limits.maxPayloadBytes - low < 1_024, 'the envelope costs less than 1 KiB')
    },
  },
  {
    id: 'Q13.1',
    title: 'hostile input is refused with INVALID_ARGUMENT or stored whole: BigInt, cycles, 100,000 levels, a getter that throws',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = defineJob(`${subject.run}.any`, { input: z.unknown() })
      let deep: unknown = []
      for (let level = 0; level < 100_000; level++) deep = [deep]
      const cycle: unknown[] = []
      cycle.push(cycle)
      const getter = {
        get bad(): number {
          throw new Error('secret=canary-1234')
        },
      }
      for (const input of [1n, cycle, getter, undefined, () => 1, Symbol('x')])
        await assert.rejects(
          queue.enqueue(job, input),
          (error) => PortError.is(error, 'INVALID_ARGUMENT') && error.message.includes(job.name),
        )
      const outcome = await queue.enqueue(job, deep).catch((error: unknown) => error)
      assert.ok(PortError.is(outcome, 'INVALID_ARGUMENT') || typeof (outcome as JobReceipt).id === 'string')
      const done = deferred()
      queue.work([handle(job, (input) => (input === 'last' ? done.resolve() : undefined))])
      await queue.enqueue(job, 'last')
      await until(subject, () => empty(queue, job.name))
      await done.promise
    },
  },
  {
    id: 'Q13.2',
    title: 'keys, names, delays and priorities out of bounds are refused with INVALID_ARGUMENT naming the field',
    async run(subject) {
      const reached: string[] = []
      const wrap = (driver: object): unknown =>
        new Proxy(driver, {
          get(target, field) {
            if (field === 'enqueue') reached.push('enqueue')
            return Reflect.get(target, field) as unknown
          },
        })
      const { queue } = await openQueue(subject, { wrap: wrap as never })
      const job = jobOf(subject)
      const bad: readonly (readonly [string, object])[] = [
        ['delayMs', { delayMs: -1 }],
        ['delayMs', { delayMs: Number.NaN }],
        ['delayMs', { delayMs: '5' }],
        ['runAt', { runAt: new Date(Number.NaN) }],
        ['runAt', { delayMs: 1, runAt: new Date() }],
        ['priority', { priority: 101 }],
        ['priority', { priority: 1.5 }],
        ['dedupeWindowMs', { dedupeKey: 'a', dedupeWindowMs: 0 }],
        ['dedupeWindowMs', { dedupeWindowMs: 5 }],
        ...['', 'k'.repeat(129), 'a\nb', '\ud800', 5].flatMap((key) => [
          ['key', { key }] as const,
          ['dedupeKey', { dedupeKey: key }] as const,
        ]),
      ]
      for (const [field, options] of bad)
        await assert.rejects(
          queue.enqueue(job, { n: 1 }, options as never),
          (error) => PortError.is(error, 'INVALID_ARGUMENT') && error.message.includes(field),
          JSON.stringify(options),
        )
      assert.deepEqual(reached, [])
      for (const name of ['', 'A', 'a b', 'a/b', 'x'.repeat(65), '../a'])
        assert.throws(
          () => defineJob(name, { input: z.unknown() }),
          (error) => PortError.is(error, 'INVALID_ARGUMENT'),
        )
    },
  },
]
