import assert from 'node:assert/strict'
import { PortError } from '@pdvend/ports'
import { failed, numbers, openWorld, outage, passing, range, type TelemetryCase } from './world.js'

export const operateCases: readonly TelemetryCase[] = [
  {
    id: 'T60',
    title: 'flush waits for everything emitted before it, also when flushes overlap',
    async run(subject) {
      let open = (): void => {}
      const gate = new Promise<void>((resolve) => (open = resolve))
      const { emit, telemetry, stored } = await openWorld(subject, {
        face: { batch: { concurrency: 1, maxEvents: 10 } },
        between: async (_batch, next, _call, nth) => {
          if (nth === 1) await gate
          return next()
        },
      })
      const ended: string[] = []
      const flush = (name: string): Promise<unknown> =>
        telemetry.flush({ timeoutMs: 3_600_000 }).then(({ complete }) => ended.push(`${name} ${complete}`))
      emit(0, 10)
      const first = flush('first')
      emit(10, 30)
      const second = flush('second')
      const third = flush('third')
      await new Promise((resolve) => setImmediate(resolve))
      assert.deepEqual(ended, [])
      open()
      await passing(subject, first)
      assert.deepEqual((await stored()).slice(0, 10), range(0, 10))
      await passing(subject, Promise.all([second, third]))
      assert.deepEqual(await stored(), range(0, 30))
      assert.deepEqual(new Set(ended), new Set(['first true', 'second true', 'third true']))
      assert.equal((await passing(subject, telemetry.flush())).complete, true)
    },
  },
  {
    id: 'T67',
    title: 'a flush that runs out of time says so and loses nothing; one that is cancelled rejects with CANCELED',
    engine: ['fakeClock'],
    async run(subject) {
      const sink = outage()
      const { emit, telemetry, flush, stored } = await openWorld(subject, { between: sink.between })
      emit(0, 5)
      const report = await passing(subject, telemetry.flush({ timeoutMs: 300 }))
      assert.deepEqual([report.complete, report.pending, report.accepted], [false, 5, 0])
      const abort = new AbortController()
      const canceled = telemetry.flush({ signal: abort.signal })
      abort.abort()
      await assert.rejects(canceled, (error) => PortError.is(error, 'CANCELED'))
      await assert.rejects(telemetry.flush({ timeoutMs: -1 }), (error) => PortError.is(error, 'INVALID_ARGUMENT'))
      sink.down = false
      await flush()
      assert.deepEqual(await stored(), range(0, 5))
    },
  },
  {
    id: 'T61',
    title: 'the ledger equals what the sink counted',
    async run(subject) {
      let accepted = 0
      let rejected = 0
      const { emit, flush, telemetry } = await openWorld(subject, {
        face: { batch: { maxEvents: 25 } },
        between: async (batch, next) => {
          const fates = batch.map(() => subject.random())
          const outcomes = (await next()).map((outcome, index) =>
            fates[index]! < 0.1 ? failed('reject', 'INVALID_ARGUMENT') : fates[index]! < 0.4 ? failed('retry', 'UNAVAILABLE') : outcome,
          )
          accepted += outcomes.filter(({ status }) => status === 'accepted').length
          rejected += outcomes.filter(({ status }) => status === 'reject').length
          return outcomes
        },
      })
      emit(0, 500)
      await flush()
      assert.deepEqual(telemetry.ledger(), { emitted: 500, accepted, pending: 0, dead: rejected, dropped: 0 })
      assert.ok(accepted > 300 && rejected > 20)
    },
  },
  {
    id: 'T62',
    title: 'dead letters are listed, mended and replayed, each once; what cannot be mended stays',
    async run(subject) {
      let strict = true
      const { telemetry, event, flush, stored } = await openWorld(subject, {
        between: async (batch, next) => {
          const values = numbers(batch)
          if (!strict || !values.some((n) => n % 5 === 0)) return next()
          return batch.map((_, index) =>
            values[index]! % 5 === 0 ? failed('reject', 'INVALID_ARGUMENT', 'no') : failed('retry', 'UNAVAILABLE'),
          )
        },
      })
      for (let n = 0; n < 20; n++) telemetry.emit(event, { n })
      telemetry.emit(event, { n: 'vinte' } as never)
      telemetry.emit(event, { n: 21n } as never)
      await flush()
      assert.deepEqual([telemetry.ledger().accepted, telemetry.ledger().dead], [16, 6])
      strict = false
      const mended = await telemetry.deadLetters.replay({
        mend: ({ data }) => ((data as { n?: unknown } | null)?.n === 'vinte' ? { n: 20 } : undefined),
      })
      assert.equal(mended, 1)
      await flush()
      const left: unknown[] = []
      for await (const { data, whole } of telemetry.deadLetters.list()) left.push([(data as { n: number } | null)?.n, whole])
      assert.deepEqual(
        new Set(left.map((item) => JSON.stringify(item))),
        new Set(['[0,true]', '[5,true]', '[10,true]', '[15,true]', '[null,false]']),
      )
      assert.equal(await telemetry.deadLetters.replay(), 4)
      assert.equal(await telemetry.deadLetters.replay(), 0)
      await flush()
      assert.deepEqual(telemetry.ledger(), { emitted: 22, accepted: 21, pending: 0, dead: 1, dropped: 0 })
      assert.deepEqual(await stored(), range(0, 21))
    },
  },
]
