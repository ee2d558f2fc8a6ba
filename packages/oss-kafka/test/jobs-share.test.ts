import assert from 'node:assert/strict'
import { describe, test } from '@jest/globals'
import { whyMissing } from '@pdvend/engines'
import { type Lease, PortError, readSettings, systemClock } from '@pdvend/ports'
import { openClient } from '../src/client.js'
import { connectionOf } from '../src/connection.js'
import { config } from '../src/jobs/config.js'
import type { KeptJob } from '../src/jobs/engine.js'
import { shareOptions } from '../src/jobs/share/connection.js'
import { ShareEngine } from '../src/jobs/share/engine.js'
import { jobsEngine } from './jobs-engine.js'

/** A Kafka of its own with the queue `work`, and a client of it. */
async function connected() {
  const kafka = await jobsEngine({ version: '4.4.0', client: 'kafkajs', engine: 'auto' })
  await kafka.provision!(['work'])
  const read = await readSettings(config, kafka.env)
  assert.ok(read.problems === undefined)
  const { settings } = read
  const connection = await connectionOf(settings, 'JOBS', 'test')
  return { kafka, settings, connection, client: await openClient(connection) }
}

const reason = await whyMissing('kafka', { version: '4.4.0' })
const title = 'jobs in share groups'
if (reason !== undefined) test.skip(`${title} (skipped: ${reason})`, () => {})
else
  describe(title, () => {
    test('a job that loses its worker twice goes to the keeper, with its crashes; what is done is deleted', async () => {
      const { kafka, client, settings, connection } = await connected()
      const keptJobs: KeptJob[] = []
      const engine = new ShareEngine({
        ...{ client, clock: systemClock, prefix: settings.prefix, writer: 'w', adapter: 'test' },
        options: shareOptions(connection),
        keeper: { keep: async (jobs) => void keptJobs.push(...jobs) },
        kept: async (_, id) => keptJobs.some(({ job }) => job.id === id),
        cleaning: { everyMs: 200, leastRecords: 1 },
      })
      const call = { signal: AbortSignal.timeout(60_000) }
      const next = async (leaseMs: number): Promise<Lease | undefined> =>
        (await engine.receive({ names: ['work'], max: 1, waitMs: 10_000, leaseMs, ...call }))[0]
      try {
        const now = Date.now()
        const job = { id: 'one', name: 'work', payload: Buffer.from('{}'), dueAt: now, enqueuedAt: now, priority: 0 }
        assert.ok(engine.takes(job))
        for (const other of [{ key: 'k' }, { priority: 1 }, { dueAt: now + 60_000 }, { dedupe: { key: 'k', windowMs: 1 } }])
          assert.ok(!engine.takes({ ...job, ...other }))
        await engine.enqueue([job], call)
        for (const crashes of [0, 1]) {
          const lease = await next(300)
          assert.deepEqual([lease!.job.id, lease!.attempt, lease!.crashes], ['one', 1, crashes])
        }
        assert.equal((await engine.receive({ names: ['work'], max: 1, waitMs: 3_000, leaseMs: 300, ...call })).length, 0)
        assert.deepEqual(
          keptJobs.map((each) => [each.job.id, each.attempt, each.crashes]),
          [['one', 1, 2]],
        )
        await engine.enqueue(
          Array.from({ length: 20 }, (_, n) => ({ ...job, id: `n${n}` })),
          call,
        )
        for (let done = 0; done < 20; done++) {
          const lease = await next(10_000)
          await engine.settle(lease!, { kind: 'done' }, call)
          await assert.rejects(engine.settle(lease!, { kind: 'done' }, call), (error) => PortError.is(error, 'LEASE_LOST'))
        }
        const topic = `share.${settings.prefix}work`
        for (const end = Date.now() + 30_000; ;) {
          const [earliest] = await client.admin.offsets(topic, 'earliest')
          if (earliest!.offset > 1) break
          assert.ok(Date.now() < end, 'nothing was deleted')
          // The group's start is written with its next change.
          await engine.enqueue([{ ...job, id: `m${Date.now()}` }], call)
          await engine.settle((await next(10_000))!, { kind: 'done' }, call)
        }
        assert.deepEqual((await engine.stats(['work'], call)).ready, 0)
      } finally {
        await engine.close()
        await client.close()
        await kafka.stop!()
      }
    }, 120_000)

    test('a job that the keeper cannot take yet stays here, at no delivery more; one whose settlement came late is not in flight for ever', async () => {
      const { kafka, client, settings, connection } = await connected()
      const keptJobs: KeptJob[] = []
      let refusals = 5
      const engine = new ShareEngine({
        ...{ client, clock: systemClock, prefix: settings.prefix, writer: 'w', adapter: 'test' },
        options: shareOptions(connection),
        keeper: {
          keep: async (jobs) => {
            if (refusals-- > 0) throw new PortError('UNAVAILABLE', { outcome: 'not-applied' })
            keptJobs.push(...jobs)
          },
        },
        kept: async () => false,
      })
      const call = { signal: AbortSignal.timeout(60_000) }
      const receive = (leaseMs: number, waitMs = 10_000): Promise<readonly Lease[]> =>
        engine.receive({ names: ['work'], max: 1, waitMs, leaseMs, ...call })
      try {
        const now = Date.now()
        const job = { id: 'one', name: 'work', payload: Buffer.from('{}'), dueAt: now, enqueuedAt: now, priority: 0 }
        await engine.enqueue([job], call)
        for (const crashes of [0, 1]) assert.equal((await receive(300))[0]!.crashes, crashes)
        await assert.rejects(receive(300), (error) => PortError.is(error, 'UNAVAILABLE'))
        for (const end = Date.now() + 10_000; keptJobs.length === 0;) {
          assert.ok(Date.now() < end, 'it was let go')
          await receive(300, 100).catch(() => [])
        }
        assert.deepEqual([keptJobs[0]!.job.id, keptJobs[0]!.crashes], ['one', 2])

        await engine.enqueue([{ ...job, id: 'two' }], call)
        const [late] = await receive(1_000)
        await assert.rejects(engine.settle(late!, { kind: 'done' }, { signal: AbortSignal.abort(new Error('given up')) }))
        await new Promise((resolve) => setTimeout(resolve, 2_000))
        await engine.enqueue([{ ...job, id: 'three' }], call)
        const { ready, inFlight } = await engine.stats(['work'], call)
        assert.deepEqual([ready, inFlight], [1, 0])
      } finally {
        await engine.close()
        await client.close()
        await kafka.stop!()
      }
    }, 120_000)
  })
