import assert from 'node:assert/strict'
import { PortError } from '@pdvend/ports'
import { away, eventually, failed, freshDirectory, numbers, openWorld, outage, passing, range, type TelemetryCase } from './world.js'

export const storageCases: readonly TelemetryCase[] = [
  {
    id: 'T43',
    title: 'a whole batch replayed twice makes no new rows',
    needs: ['query'],
    orEngine: 'storedEvents',
    async run(subject) {
      const { emit, sent, flush, rows, stored, driver, telemetry } = await openWorld(subject)
      emit(0, 200)
      await flush()
      const before = await rows()
      for (let round = 0; round < 2; round++) {
        for (const batch of sent) {
          const outcomes = await driver.send(batch, { signal: AbortSignal.timeout(10_000) })
          assert.ok(outcomes.every(({ status }) => status === 'accepted'))
        }
      }
      const after = await rows()
      if (telemetry.capabilities.exactlyOnce) assert.deepEqual(after, before)
      // By its id, whoever reads can tell an event that came twice.
      assert.equal(new Set(after.map(({ id }) => id)).size, 200)
      assert.deepEqual(await stored(), range(0, 200))
    },
  },
  {
    id: 'T44',
    title: 'one bad event in 1,000 that fails its whole batch: 999 are stored, one is dead',
    async run(subject) {
      const { emit, flush, stored, telemetry } = await openWorld(subject, {
        between: (batch, next) =>
          numbers(batch).includes(617)
            ? Promise.reject(new PortError('INVALID_ARGUMENT', { detail: 'the batch holds something bad' }))
            : next(),
      })
      emit(0, 1_000)
      await flush()
      assert.deepEqual(telemetry.ledger(), { emitted: 1_000, accepted: 999, pending: 0, dead: 1, dropped: 0 })
      assert.deepEqual(
        await stored(),
        range(0, 1_000).filter((n) => n !== 617),
      )
    },
  },
  {
    id: 'T45',
    title: 'finding the bad event of a batch takes at most 2 log2(n) + 1 tries',
    async run(subject) {
      const { emit, flush, sent, driver, telemetry } = await openWorld(subject, {
        face: { batch: { concurrency: 1, maxEvents: 256 } },
        between: (batch, next) =>
          numbers(batch).includes(99) ? Promise.reject(new PortError('TOO_LARGE', { detail: 'something in it' })) : next(),
      })
      const many = Math.min(256, driver.limits.maxBatchEvents)
      emit(0, many)
      await flush()
      assert.equal(telemetry.ledger().dead, 1)
      assert.ok(sent.length <= 2 * Math.log2(many) + 1, `${sent.length} tries`)
    },
  },
  {
    id: 'T68',
    title: 'an event that makes the engine fail for no known reason is found and set aside; when nothing passes, none is',
    async run(subject) {
      let broken = true
      const { emit, flush, stored, telemetry } = await openWorld(subject, {
        face: { batch: { concurrency: 1 }, retry: { firstMs: 1, maxMs: 5 } },
        between: (batch, next) =>
          broken || numbers(batch).includes(0) ? Promise.reject(new TypeError('cannot read properties of undefined')) : next(),
      })
      emit(0, 40)
      await passing(subject, telemetry.flush({ timeoutMs: 2_000 }))
      assert.deepEqual([telemetry.ledger().pending, telemetry.ledger().dead], [40, 0])
      broken = false
      await flush()
      assert.deepEqual(telemetry.ledger(), { emitted: 40, accepted: 39, pending: 0, dead: 1, dropped: 0 })
      assert.deepEqual(await stored(), range(1, 40))
    },
  },
  {
    id: 'T47',
    title: 'a conflict in the engine (deadlock, serialisation, a lost lock) is tried again until it passes',
    async run(subject) {
      const { emit, flush, stored, telemetry } = await openWorld(subject, {
        between: async (batch, next, _call, nth) => {
          if (nth % 2 === 1 && nth < 9) return batch.map(() => failed('retry', 'UNAVAILABLE', 'could not serialize access'))
          return next()
        },
      })
      emit(0, 100)
      await flush()
      assert.equal(telemetry.ledger().accepted, 100)
      assert.deepEqual(await stored(), range(0, 100))
    },
  },
  {
    id: 'T48',
    title: 'four instances that store the same events at the same time make one row of each',
    needs: ['query'],
    orEngine: 'storedEvents',
    async run(subject) {
      const worlds = await Promise.all(range(0, 4).map(() => openWorld(subject)))
      for (const { telemetry, event } of worlds) for (let n = 0; n < 300; n++) telemetry.emit(event, { n }, { id: `${subject.run}-${n}` })
      await Promise.all(worlds.map(({ flush }) => flush()))
      for (const { telemetry } of worlds) assert.equal(telemetry.ledger().accepted, 300)
      assert.deepEqual(await worlds[0]!.stored(), range(0, 300))
    },
  },
  {
    id: 'T52',
    title: 'deep JSON, large numbers and hostile names are stored as they are',
    async run(subject) {
      const { telemetry, event, flush, rows } = await openWorld(subject)
      const loose = {
        ...event,
        data: { '~standard': { version: 1, vendor: 'contract', validate: (value: unknown) => ({ value }) } },
      } as typeof event
      let deep: unknown = 'fundo'
      for (let depth = 0; depth < 90; depth++) deep = { a: [deep] }.a.length > 0 && depth % 2 === 0 ? { a: deep } : [deep]
      const values: readonly unknown[] = [
        deep,
        1.7976931348623157e308,
        -0.1,
        9_007_199_254_740_991,
        JSON.parse('{"__proto__":{"x":1},"constructor":2}'),
        [null, true, ''],
        '1e400',
        { '': { ' ': '\u0000' } },
      ]
      values.forEach((value, n) => telemetry.emit(loose, { n, value } as never))
      assert.equal((await flush()).accepted, values.length)
      const stored = new Map(
        (await rows()).map((row) => [(row.data as { n: number }).n, JSON.stringify((row.data as { value: unknown }).value)]),
      )
      values.forEach((value, n) => assert.equal(stored.get(n), JSON.stringify(value)))
      assert.equal(({} as { x?: number }).x, undefined)
    },
  },
  {
    id: 'T53',
    title: 'with the database down for 10 minutes the lag grows and is told, then everything drains',
    engine: ['fakeClock'],
    async run(subject) {
      const sink = outage()
      const { emit, telemetry, stored } = await openWorld(subject, {
        between: sink.between,
        face: { retry: { firstMs: 200, maxMs: 30_000 } },
      })
      const pending: number[] = []
      for (let minute = 0; minute < 10; minute++) {
        emit(minute * 20, minute * 20 + 20)
        await subject.fakeClock.advance(60_000)
        pending.push(telemetry.ledger().pending)
      }
      assert.deepEqual(
        pending,
        range(1, 11).map((minute) => minute * 20),
      )
      sink.down = false
      await eventually(subject, () => telemetry.ledger().accepted === 200, 500)
      assert.deepEqual(await stored(), range(0, 200))
    },
  },
  {
    id: 'T65',
    title: 'rows are queried by type and time, newest first, as many as asked for; a query that makes no sense is refused before any I/O',
    needs: ['query'],
    async run(subject) {
      const { telemetry, event, flush } = await openWorld(subject)
      const other = { ...event, name: `${subject.run}.other` }
      const base = Date.UTC(2026, 0, 10)
      for (let n = 0; n < 20; n++) telemetry.emit(n % 4 === 0 ? other : event, { n }, { at: new Date(base + n * 1_000) })
      await flush()
      const ask = async (query: Parameters<typeof telemetry.query>[0]) =>
        (await passing(subject, telemetry.query(query))).map((row) => (row.data as { n: number }).n)
      assert.deepEqual(await ask({ type: other.name }), [16, 12, 8, 4, 0])
      assert.deepEqual(await ask({ type: event.name, from: new Date(base + 5_000), to: new Date(base + 10_000) }), [9, 7, 6, 5])
      assert.deepEqual(await ask({ type: event.name, limit: 3 }), [19, 18, 17])
      for (const query of [{ limit: 0 }, { limit: 1.5 }, { limit: 100_001 }, { from: new Date(Number.NaN) }, { to: 'now' as never }])
        await assert.rejects(telemetry.query(query), (error) => PortError.is(error, 'INVALID_ARGUMENT'))
    },
  },
  {
    id: 'T66',
    title: 'what one instance could not send, because its engine went away for good, another sends after it',
    async run(subject) {
      const directory = await freshDirectory(subject)
      const first = await openWorld(subject, { directory, between: away, face: { closeMs: 20 } })
      first.emit(0, 30)
      await first.close()
      assert.equal(first.telemetry.ledger().pending, 30)
      const second = await openWorld(subject, { directory })
      await second.flush()
      assert.deepEqual(await second.stored(), range(0, 30))
    },
  },
]
