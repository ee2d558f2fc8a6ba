import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, test } from '@jest/globals'
import { startEngine, whyMissing } from '@pdvend/engines'
import { ShareAdmin, ShareConsumer, ShareError, type ShareConsumerEvent, type ShareRecord } from '../src/index.js'
import { eventually, next, numberOf, open, produce, setUp, take, type Bench } from './kafka.js'

const LIMIT_MS = 60_000
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => from + at)
const codeOf =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof ShareError && error.code === code

for (const version of ['4.4.0', '4.2.2']) {
  const reason = await whyMissing('kafka', { version, named: false })
  if (reason !== undefined) test.skip(`share groups of Kafka ${version} (skipped: ${reason})`, () => {})
  else describe(`share groups of Kafka ${version}`, () => describeShareGroups(version))
}

const old = await whyMissing('kafka', { version: '3.9.2', named: false })
const refusal = 'brokers without share groups are told, and refused at open'
if (old !== undefined) test.skip(`${refusal} (skipped: ${old})`, () => {})
else
  test(
    refusal,
    async () => {
      const engine = await startEngine('kafka', { version: '3.9.2', named: false })
      try {
        const bootstrapBrokers = [engine.url]
        const support = await ShareConsumer.isSupported({ bootstrapBrokers })
        assert.deepEqual([support.supported, support.renew], [false, false])
        await assert.rejects(ShareConsumer.open({ bootstrapBrokers, groupId: 'g', topics: ['t'] }), codeOf('UNSUPPORTED'))
      } finally {
        await engine.stop()
      }
    },
    LIMIT_MS,
  )

test('an address at which nobody answers is named', async () => {
  const options = { bootstrapBrokers: ['127.0.0.1:1'], groupId: 'g', topics: ['t'] }
  await assert.rejects(ShareConsumer.open(options), (error) => codeOf('UNAVAILABLE')(error) && String(error).includes('127.0.0.1:1'))
  await assert.rejects(ShareConsumer.open({ ...options, bootstrapBrokers: ['kafka'] }), codeOf('REFUSED'))
})

function describeShareGroups(version: string): void {
  let engine: Awaited<ReturnType<typeof startEngine>>
  const consumers: ShareConsumer[] = []

  beforeAll(async () => {
    engine = await startEngine('kafka', { version, named: false })
    // The first group of a cluster waits for the topic that keeps the groups' state: 2 to 3 s.
    const bench = await setUp(engine.url)
    await produce(bench, 0, 1)
    await using consumer = await open(bench)
    for (const record of await next(consumer)) await record.accept()
  }, 120_000)

  afterAll(async () => {
    await Promise.all(consumers.map((consumer) => consumer.close()))
    await engine?.stop()
  }, LIMIT_MS)

  const opened = async (bench: Bench, options = {}): Promise<ShareConsumer> => {
    const consumer = await open(bench, options)
    consumers.push(consumer)
    return consumer
  }

  test('says what the brokers can do', async () => {
    assert.deepEqual(await ShareConsumer.isSupported({ bootstrapBrokers: [engine.url] }), { supported: true, renew: true })
  })

  test(
    'members on one partition compete: each record goes to one of them, with all that was produced',
    async () => {
      const bench = await setUp(engine.url)
      await produce(bench, 0, 40)
      const [a, b] = [await opened(bench), await opened(bench)]
      const [first, second] = [await take(a, 20), await take(b, 20)]
      assert.deepEqual(
        [...first, ...second].map(numberOf).sort((x, y) => x - y),
        range(0, 40),
      )
      const record = first[0]!
      assert.deepEqual([record.topic, record.partition, record.key?.toString()], [bench.topic, 0, `k${numberOf(record)}`])
      assert.equal(record.deliveryCount, 1)
      assert.ok(Math.abs(record.timestampMs - Date.now()) < 60_000)
      assert.ok(record.lockedUntil.getTime() > Date.now() - record.lockDurationMs)
      await Promise.all([...first, ...second].map((each) => each.accept()))
      assert.equal(record.state, 'settled')
      assert.equal(a.state.held + b.state.held, 0)
      await assert.rejects(record.accept(), codeOf('ALREADY_SETTLED'))
    },
    LIMIT_MS,
  )

  test(
    'never more records than were asked for, and none that nobody asked for',
    async () => {
      const bench = await setUp(engine.url, { partitions: 2 })
      await produce(bench, 0, 200, 2)
      const consumer = await opened(bench, { maxInFlight: 12 })
      const taken: ShareRecord[] = []
      while (taken.length < 12) {
        const records = await next(consumer, 5)
        assert.ok(records.length <= 5)
        taken.push(...records)
        assert.equal(consumer.state.held, taken.length)
      }
      assert.deepEqual([await consumer.poll({ maxRecords: 5, waitMs: 100 }), consumer.state.held], [[], 12])
      await taken[0]!.accept()
      assert.equal((await next(consumer, 5)).length, 1)
    },
    LIMIT_MS,
  )

  test(
    'a released record comes again with a higher count; a rejected one and an accepted one never',
    async () => {
      const bench = await setUp(engine.url)
      await produce(bench, 0, 3)
      const consumer = await opened(bench)
      const [zero, one, two] = await take(consumer, 3)
      await Promise.all([zero!.release(), one!.reject(), two!.accept()])
      const again = await next(consumer, 10)
      assert.deepEqual(
        again.map((record) => [numberOf(record), record.deliveryCount]),
        [[0, 2]],
      )
      await again[0]!.accept()
      assert.deepEqual(await consumer.poll({ maxRecords: 10, waitMs: 1_000 }), [])
    },
    LIMIT_MS,
  )

  test(
    'a lock that is renewed outlives its time; one that is not runs out, and what is said of it then is refused, record by record',
    async () => {
      const bench = await setUp(engine.url, { lockMs: 2_000 })
      await produce(bench, 0, 6)
      const [holder, other] = [await opened(bench), await opened(bench)]
      const records = await take(holder, 6)
      assert.deepEqual(
        records.map(({ lockDurationMs }) => lockDurationMs),
        Array(6).fill(2_000),
      )
      const kept = records.filter((record) => numberOf(record) % 2 === 0)
      const renewing = setInterval(() => void Promise.all(kept.map((record) => record.renew())).catch(() => undefined), 500)
      const came = await take(other, 3)
      await sleep(1_500)
      clearInterval(renewing)
      assert.deepEqual(came.map(numberOf).sort(), [1, 3, 5])
      assert.ok(came.every(({ deliveryCount }) => deliveryCount === 2))
      const outcomes = await Promise.allSettled(records.map((record) => record.accept()))
      assert.deepEqual(
        outcomes.map((outcome, at) => [
          numberOf(records[at]!),
          outcome.status === 'fulfilled' ? 'accepted' : (outcome.reason as ShareError).code,
        ]),
        range(0, 6).map((n) => [n, n % 2 === 0 ? 'accepted' : 'LOCK_LOST']),
      )
      await Promise.all(came.map((record) => record.accept()))
    },
    LIMIT_MS,
  )

  test(
    'a late word on an old lock does not end a new one of the same member',
    async () => {
      const bench = await setUp(engine.url, { lockMs: 1_000 })
      await produce(bench, 0, 1)
      const consumer = await opened(bench)
      const [first] = await take(consumer, 1)
      const [second] = await take(consumer, 1)
      assert.deepEqual([first!.offset, second!.deliveryCount, first!.state], [second!.offset, 2, 'lost'])
      await assert.rejects(first!.accept(), codeOf('LOCK_LOST'))
      await second!.accept()
      assert.deepEqual(await consumer.poll({ waitMs: 1_500 }), [])
    },
    LIMIT_MS,
  )

  test(
    'what a killed process held comes to another member at once',
    async () => {
      const bench = await setUp(engine.url, { lockMs: 30_000 })
      await produce(bench, 0, 10)
      const child = spawn(process.execPath, [
        fileURLToPath(new URL('worker.mjs', import.meta.url)),
        JSON.stringify({ ...bench, topics: [bench.topic], count: 10 }),
      ])
      const [line] = (await once(child.stdout, 'data')) as [Buffer]
      assert.equal((JSON.parse(line.toString()) as { held: number[] }).held.length, 10)
      const consumer = await opened(bench)
      assert.deepEqual(await consumer.poll({ waitMs: 500 }), [])
      const killedMs = Date.now()
      child.kill('SIGKILL')
      const again = await take(consumer, 10)
      console.log(`kafka ${version}: redelivered ${Date.now() - killedMs} ms after kill -9`)
      assert.deepEqual(
        again.map(numberOf).sort((a, b) => a - b),
        range(0, 10),
      )
      assert.ok(again.every(({ deliveryCount }) => deliveryCount === 2))
      await Promise.all(again.map((record) => record.accept()))
    },
    LIMIT_MS,
  )

  test(
    'close says what was settled, releases the rest at once and leaves the group',
    async () => {
      const bench = await setUp(engine.url, { lockMs: 30_000 })
      await produce(bench, 0, 4)
      const first = await open(bench)
      const records = await take(first, 4)
      const said = [records[0]!.accept(), records[1]!.accept()]
      const waiting = first.poll({ waitMs: 10_000 })
      await first.close()
      await Promise.all(said)
      assert.deepEqual(await waiting, [])
      await assert.rejects(first.poll(), codeOf('CLOSED'))
      await assert.rejects(records[2]!.accept(), ShareError)
      const second = await opened(bench)
      assert.deepEqual((await take(second, 2)).map(numberOf).sort(), [2, 3])
      await first.close()
    },
    LIMIT_MS,
  )

  test(
    'where a group stands is told: what is done, and what is not',
    async () => {
      const bench = await setUp(engine.url)
      await using admin = new ShareAdmin(bench)
      const place = async () => (await admin.describe(bench.groupId, [bench.topic]))[0]!
      await produce(bench, 0, 10)
      const consumer = await opened(bench)
      const records = await take(consumer, 4)
      await Promise.all([0, 1, 3].map((at) => records[at]!.accept()))
      await eventually('seven are left', async () => (await place()).lag === 7n)
      await records[2]!.accept()
      await eventually('six are left', async () => (await place()).lag === 6n)
      // The start is written with the next change: it may be behind, never ahead.
      const { startOffset } = await place()
      assert.ok(startOffset >= 0n && startOffset <= 4n)
      await Promise.all((await take(consumer, 6)).map((record) => record.accept()))
      await eventually('none is left', async () => (await place()).lag === 0n)
    },
    LIMIT_MS,
  )

  test(
    'a poll ends with its signal; what it had asked for goes to the next one, or back to the group',
    async () => {
      const bench = await setUp(engine.url, { lockMs: 2_000 })
      const consumer = await opened(bench)
      await eventually('an assignment', () => consumer.state.assignment.length === 1)
      const abort = new AbortController()
      const poll = consumer.poll({ waitMs: 10_000, signal: abort.signal })
      await sleep(100)
      abort.abort(new Error('enough'))
      await assert.rejects(poll, /enough/)
      await produce(bench, 0, 1)
      const [record] = await take(consumer, 1)
      assert.equal(numberOf(record!), 0)
      await record!.accept()
    },
    LIMIT_MS,
  )

  test(
    'the iterator hands out one record after another; what was locked ahead is released when the loop is left',
    async () => {
      const bench = await setUp(engine.url)
      await produce(bench, 0, 10)
      const consumer = await opened(bench)
      const seen: number[] = []
      for await (const record of consumer) {
        seen.push(numberOf(record))
        assert.equal(consumer.state.held, 1)
        await record.accept()
        if (seen.length === 5) break
      }
      for await (const record of consumer.records({ prefetch: 5 })) {
        seen.push(numberOf(record))
        await record.accept()
        break
      }
      await eventually('the rest is released', () => consumer.state.held === 0)
      assert.deepEqual(seen, range(0, 6))
      assert.deepEqual(
        (await take(consumer, 4)).map((record) => [numberOf(record), record.deliveryCount]),
        range(6, 10).map((n) => [n, 2]),
      )
    },
    LIMIT_MS,
  )

  test(
    'a newcomer gets its first record while another member is at a long job',
    async () => {
      const bench = await setUp(engine.url)
      await produce(bench, 0, 2)
      const busy = await opened(bench)
      const [job] = await take(busy, 1)
      const startedMs = Date.now()
      const newcomer = await opened(bench)
      const [record] = await take(newcomer, 1)
      console.log(`kafka ${version}: a newcomer's first record after ${Date.now() - startedMs} ms`)
      await Promise.all([record!.accept(), job!.accept()])
    },
    LIMIT_MS,
  )

  test(
    'a member that the group has given up joins again under its id, and keeps its locks',
    async () => {
      const bench = await setUp(engine.url, { lockMs: 30_000 })
      await produce(bench, 0, 3)
      const events: ShareConsumerEvent[] = []
      const consumer = await opened(bench, { observe: (event: ShareConsumerEvent) => events.push(event) })
      const [record] = await take(consumer, 1)
      const { memberId } = consumer.state
      await expel(bench, memberId)
      await eventually('it is fenced and joins again', () => events.filter(({ type }) => type === 'joined').length === 2)
      assert.ok(events.some(({ type }) => type === 'fenced'))
      await eventually('it is assigned again', () => consumer.state.assignment.length === 1)
      await record!.accept()
      assert.equal((await take(consumer, 2)).length, 2)
      assert.equal(consumer.state.memberId, memberId)
    },
    LIMIT_MS,
  )

  test(
    'a session that a broker has forgotten is opened again',
    async () => {
      const bench = await setUp(engine.url, { lockMs: 30_000 })
      await produce(bench, 0, 4)
      const events: ShareConsumerEvent[] = []
      const consumer = await opened(bench, { observe: (event: ShareConsumerEvent) => events.push(event) })
      const [record, other] = await take(consumer, 2)
      await endSession(bench, consumer.state.memberId)
      // Ending a session releases what it held, so this lock is gone, and is told to be; the consumer goes on.
      await assert.rejects(record!.accept(), codeOf('LOCK_LOST'))
      assert.ok(events.some(({ type }) => type === 'session-reset'))
      await assert.rejects(other!.accept(), codeOf('LOCK_LOST'))
      assert.equal((await take(consumer, 4)).length, 4)
    },
    LIMIT_MS,
  )

  test('10,000 records by four members on two partitions: none lost, none that was accepted comes back', async () => {
    const count = 10_000
    const bench = await setUp(engine.url, { partitions: 2 })
    const producing = produce(bench, 0, count, 2)
    const members = await Promise.all(range(0, 4).map(() => opened(bench)))
    const accepted = new Map<number, number>()
    const work = async (consumer: ShareConsumer): Promise<void> => {
      while (accepted.size < count) {
        const records = await consumer.poll({ maxRecords: 100, waitMs: 300 })
        // One in twenty goes back once, one in fifty is left to the others by force of its lock.
        const outcomes = records.map(async (record) => {
          if (record.deliveryCount === 1 && numberOf(record) % 20 === 0) return record.release()
          await record.accept()
          accepted.set(numberOf(record), (accepted.get(numberOf(record)) ?? 0) + 1)
        })
        await Promise.all(outcomes)
      }
    }
    await Promise.all([producing, ...members.map(work)])
    assert.equal(accepted.size, count)
    assert.deepEqual(
      [...accepted].filter(([, times]) => times > 1),
      [],
    )
    for (const member of members) assert.deepEqual(await member.poll({ waitMs: 200 }), [])
  }, 120_000)
}

/** Leaves the group in the name of another. */
async function expel(bench: Bench, memberId: string): Promise<void> {
  const { call, Cluster } = await import('../src/cluster.js')
  const { shareGroupHeartbeat } = await import('../src/protocol/share-group-heartbeat.js')
  const cluster = new Cluster(bench)
  const { groupId } = bench
  const left = await call(await cluster.coordinator(groupId), shareGroupHeartbeat, {
    groupId,
    memberId,
    memberEpoch: -1,
    rackId: null,
    subscribedTopicNames: null,
  })
  assert.equal(left.errorCode, 0)
  await cluster.close()
}

/** Ends the share session of another. */
async function endSession(bench: Bench, memberId: string): Promise<void> {
  const { call, Cluster } = await import('../src/cluster.js')
  const { shareAcknowledge } = await import('../src/protocol/share-acknowledge.js')
  const cluster = new Cluster(bench)
  const ended = await call(await cluster.anyConnection(), shareAcknowledge[2], {
    groupId: bench.groupId,
    memberId,
    shareSessionEpoch: -1,
    isRenewAck: false,
    topics: [],
  })
  assert.equal(ended.errorCode, 0)
  await cluster.close()
}
