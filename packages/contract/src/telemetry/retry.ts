import assert from 'node:assert/strict'
import { type EventOutcome, PortError } from '@pdvend/ports'
import { away, balances, eventually, failed, numbers, openWorld, outage, passing, range, type TelemetryCase } from './world.js'

const throwing = (
  code: ConstructorParameters<typeof PortError>[0],
  details: ConstructorParameters<typeof PortError>[1] = {},
): Promise<never> => Promise.reject(new PortError(code, { adapter: 'fault', operation: 'send', detail: 'injected', ...details }))

/** Never answers; gives up when the call does. */
const silence = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }))

export const retryCases: readonly TelemetryCase[] = [
  {
    id: 'T29',
    title: 'errors, timeouts and resets are tried again with full jitter that grows to its bound, and two instances do not march in step',
    engine: ['fakeClock'],
    async run(subject) {
      const times: number[][] = [[], []]
      const sinks = [outage(), outage()]
      const worlds = await Promise.all(
        [0, 1].map((index) =>
          openWorld(subject, {
            face: { retry: { firstMs: 100, maxMs: 1_000 }, batch: { concurrency: 1 } },
            between: (batch, next, call, nth) => {
              times[index]!.push(subject.clock.now())
              if (!sinks[index]!.down) return next()
              return nth % 3 === 0
                ? throwing('DEADLINE_EXCEEDED')
                : nth % 3 === 1
                  ? Promise.reject(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))
                  : sinks[index]!.between(batch, next, call, nth)
            },
          }),
        ),
      )
      worlds.forEach((world, index) => world.emit(index * 10, index * 10 + 10))
      const flushes = worlds.map(({ telemetry }) => telemetry.flush({ timeoutMs: 3_600_000 }))
      await eventually(subject, () => times.every(({ length }) => length >= 40), 5)
      for (const sink of sinks) sink.down = false
      const reports = await Promise.all(flushes.map((flush) => passing(subject, flush)))
      assert.deepEqual(
        reports.map(({ accepted, dead }) => [accepted, dead]),
        [
          [10, 0],
          [10, 0],
        ],
      )
      for (const series of times) {
        const waits = series.slice(1, 40).map((at, index) => at - series[index]!)
        assert.ok(Math.max(...waits) <= 1_000, `longest wait ${Math.max(...waits)}`)
        assert.ok(waits.slice(0, 2).every((ms) => ms <= 200))
        assert.ok(new Set(waits.slice(5).map((ms) => Math.round(ms / 20))).size > 10, 'the waits do not vary')
        assert.ok(Math.max(...waits.slice(8)) > 500, 'the waits do not grow')
      }
      const together = times[0]!.slice(3, 40).filter((at) => times[1]!.slice(3, 40).includes(at)).length
      assert.ok(together < 12, `${together} of 37 tries at the same moment`)
    },
  },
  {
    id: 'T30',
    title: 'an engine that throttles gets less: the rate falls, nothing is lost, and it comes back',
    engine: ['fakeClock'],
    async run(subject) {
      let throttling = true
      const times: number[] = []
      const { emit, telemetry, stored } = await openWorld(subject, {
        face: { batch: { maxEvents: 5, concurrency: 2 }, retry: { firstMs: 1, maxMs: 2 } },
        between: (batch, next) => {
          times.push(subject.clock.now())
          return throttling
            ? times.length % 2 === 0
              ? throwing('RATE_LIMITED', { retryAfterMs: 30 })
              : Promise.resolve(batch.map(() => failed('retry', 'RATE_LIMITED')))
            : next()
        },
      })
      const startedAt = subject.clock.now()
      emit(0, 100)
      const flush = telemetry.flush({ timeoutMs: 3_600_000 })
      await eventually(subject, () => subject.clock.now() - startedAt >= 20_000, 50)
      const during = times.length
      // Without slowing down, tries 2 ms apart would be thousands.
      assert.ok(during >= 4 && during <= 60, `${during} tries in 20 s`)
      throttling = false
      const { accepted, dead, dropped } = await passing(subject, flush)
      assert.deepEqual([accepted, dead, dropped], [100, 0, 0])
      assert.deepEqual(await stored(), range(0, 100))
    },
  },
  {
    id: 'T31',
    title: '7 of 100 records fail: exactly those 7 are sent again',
    async run(subject) {
      const unlucky = [3, 14, 15, 65, 92, 35, 89].sort((a, b) => a - b)
      const { emit, sent, flush, stored, telemetry } = await openWorld(subject, {
        face: { batch: { maxEvents: 100 } },
        between: async (_batch, next, _call, nth) => {
          const outcomes = await next()
          return nth > 1
            ? outcomes
            : outcomes.map((outcome, index): EventOutcome => (unlucky.includes(index) ? failed('retry', 'UNAVAILABLE') : outcome))
        },
      })
      emit(0, 100)
      await flush()
      assert.deepEqual(
        sent.map(({ length }) => length),
        [100, 7],
      )
      assert.deepEqual(numbers(sent[1]!), unlucky)
      assert.deepEqual(telemetry.ledger(), { emitted: 100, accepted: 100, pending: 0, dead: 0, dropped: 0 })
      assert.equal(new Set(await stored()).size, 100)
    },
  },
  {
    id: 'T32',
    title: 'what the engine refuses for good goes to the dead letters with its reason and is never sent again',
    async run(subject) {
      const { emit, sent, flush, stored, telemetry } = await openWorld(subject, {
        between: async (batch, next) => {
          if (batch.length === 0) return next()
          const values = numbers(batch)
          return (await next()).map((outcome, index) =>
            values[index]! % 10 === 7 ? failed('reject', 'INVALID_ARGUMENT', 'coluna n: 7 é inválido') : outcome,
          )
        },
      })
      emit(0, 50)
      await flush()
      await flush()
      assert.equal(sent.flat().length, 50)
      assert.deepEqual(telemetry.ledger(), { emitted: 50, accepted: 45, pending: 0, dead: 5, dropped: 0 })
      const dead: (readonly [unknown, string])[] = []
      for await (const { data, reason } of telemetry.deadLetters.list()) dead.push([data, reason])
      assert.deepEqual(
        dead,
        [7, 17, 27, 37, 47].map((n) => [{ n }, 'INVALID_ARGUMENT: coluna n: 7 é inválido']),
      )
      assert.ok((await stored()).length >= 45)
    },
  },
  {
    id: 'T33',
    title: 'a timeout whose batch was stored all the same makes no second row',
    needs: ['query'],
    orEngine: 'storedEvents',
    async run(subject) {
      const { emit, sent, flush, stored, telemetry } = await openWorld(subject, {
        between: async (_batch, next, _call, nth) => {
          const outcomes = await next()
          return nth <= 3 ? throwing('DEADLINE_EXCEEDED') : outcomes
        },
      })
      emit(0, 40)
      await flush()
      assert.ok(sent.flat().length > 40)
      assert.equal(telemetry.ledger().accepted, 40)
      assert.deepEqual(await stored(), range(0, 40))
    },
  },
  {
    id: 'T34',
    title: 'credentials that end in the middle cost nothing: events wait until they are renewed',
    async run(subject) {
      const { emit, flush, stored, telemetry } = await openWorld(subject, {
        between: (_batch, next, _call, nth) =>
          nth > 1 && nth <= 12 ? throwing(nth % 2 === 0 ? 'UNAUTHENTICATED' : 'PERMISSION_DENIED') : next(),
        face: { batch: { maxEvents: 20, concurrency: 1 } },
      })
      emit(0, 60)
      await flush()
      assert.deepEqual(telemetry.ledger(), { emitted: 60, accepted: 60, pending: 0, dead: 0, dropped: 0 })
      assert.deepEqual(await stored(), range(0, 60))
    },
  },
  {
    id: 'T35',
    title: 'a name that does not resolve for 60 s loses nothing, and the first try behind it delivers',
    engine: ['fakeClock'],
    async run(subject) {
      const startedAt = subject.clock.now()
      const { emit, telemetry, stored } = await openWorld(subject, {
        between: (_batch, next) =>
          subject.clock.now() - startedAt < 60_000
            ? throwing('UNAVAILABLE', { cause: Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' }) })
            : next(),
        face: { retry: { firstMs: 100, maxMs: 10_000 } },
      })
      emit(0, 30)
      const report = await passing(subject, telemetry.flush({ timeoutMs: 300_000 }), 200)
      assert.equal(report.accepted, 30)
      assert.ok(subject.clock.now() - startedAt < 75_000)
      assert.deepEqual(await stored(), range(0, 30))
    },
  },
  {
    id: 'T37',
    title: 'a sink that takes the batch and then closes the connection, or never answers, loses nothing',
    engine: ['fakeClock'],
    async run(subject) {
      const { emit, telemetry, stored } = await openWorld(subject, {
        face: { timeoutMs: 2_000 },
        between: async (_batch, next, call, nth) => {
          if (nth === 1) return silence(call.signal)
          const outcomes = await next()
          if (nth === 2) throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })
          // An answer that tells of fewer events than were sent is no answer for the others.
          return nth === 3 ? outcomes.slice(0, 4) : outcomes
        },
      })
      emit(0, 10)
      const report = await passing(subject, telemetry.flush({ timeoutMs: 60_000 }), 50)
      assert.deepEqual([report.accepted, report.dead], [10, 0])
      assert.ok(balances(telemetry))
      if (telemetry.capabilities.exactlyOnce) assert.deepEqual(await stored(), range(0, 10))
    },
  },
  {
    id: 'T38',
    title: 'events of one key keep their order through retries where the adapter promises it; without that, none is lost',
    async run(subject) {
      const order = new Map<string, number[]>()
      const { telemetry, event, flush } = await openWorld(subject, {
        face: { batch: { maxEvents: 7, concurrency: 4 } },
        between: async (batch, next, _call, nth) => {
          if (nth % 3 === 0) return away()
          const outcomes = await next()
          const values = numbers(batch)
          batch.forEach(
            ({ key }, index) => outcomes[index]?.status === 'accepted' && order.set(key!, [...(order.get(key!) ?? []), values[index]!]),
          )
          return outcomes
        },
      })
      for (let n = 0; n < 120; n++) telemetry.emit(event, { n }, { key: `till-${n % 3}` })
      await flush()
      for (const [key, values] of order) {
        const arrived = telemetry.capabilities.orderedByKey ? values : values.sort((a, b) => a - b)
        assert.deepEqual(
          arrived,
          range(0, 120).filter((n) => `till-${n % 3}` === key),
        )
      }
      assert.equal(order.size, 3)
    },
  },
]
