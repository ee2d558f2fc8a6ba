import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type FaultyLink, type KafkaDoors, startFaultyLink, startKafkaDoors, whyMissing } from '@pdvend/engines'
import { Kafka, logLevel } from 'kafkajs'
import type { IncomingRecord, KafkaClient, KafkaReader, OutgoingRecord } from '../src/client.js'
import { kafkajsClient } from '../src/client/kafkajs.js'
import { platformaticClient } from '../src/client/platformatic.js'
import type { Connection } from '../src/connection.js'
import { kafkaErrors } from '../src/errors.js'

/** The second line of the library needs a newer Node.js than the SDK does. */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const runsVersion2 = major > 22 || (major === 22 && minor >= 22)

const libraries: readonly (readonly [string, (connection: Connection) => Promise<KafkaClient>])[] = [
  ['kafkajs', async (connection) => kafkajsClient(connection)],
  ['@platformatic/kafka 1.x', (connection) => platformaticClient(connection)],
  ...(runsVersion2
    ? [
        [
          '@platformatic/kafka 2.x',
          (connection: Connection) => platformaticClient(connection, () => import('@platformatic/kafka-2')),
        ] as const,
      ]
    : []),
]

const reason = (await whyMissing('kafka', { named: false })) ?? (await whyMissing('toxiproxy', { named: false }))
const describeHere = reason === undefined ? describe : describe.skip
const fail = kafkaErrors('test', 'JOBS')

for (const [library, open] of libraries)
  describeHere(`the seam over ${library}${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
    let link: FaultyLink
    let kafka: KafkaDoors
    let client: KafkaClient
    let topics = 0
    beforeAll(async () => {
      link = await startFaultyLink()
      kafka = await startKafkaDoors({ advertised: link.address })
      await link.leadTo(kafka.doors.proxied)
      client = await open(connectionTo(kafka.url))
    }, 120_000)
    afterAll(async () => {
      await client?.close()
      await kafka?.stop()
      await link?.stop()
    })

    const connectionTo = (address: string): Connection => ({
      client: 'kafkajs',
      brokers: [address],
      clientId: 'test',
      connectTimeoutMs: 1_000,
      requestTimeoutMs: 2_000,
    })

    async function topicOf(partitions = 1, config: Readonly<Record<string, string>> = {}): Promise<string> {
      const name = `client.${++topics}`
      await client.admin.createTopics([{ name, partitions, replicas: 1, config }])
      return name
    }

    const record = (topic: string, value: string, rest: Partial<OutgoingRecord> = {}): OutgoingRecord => ({
      topic,
      partition: 0,
      value: Buffer.from(value),
      ...rest,
    })

    /** Reads `topic` to its end. */
    async function contents(topic: string, partitions = 1): Promise<readonly IncomingRecord[]> {
      const reader = await client.reader(
        Array.from({ length: partitions }, (_, partition) => ({ topic, partition, offset: 0 })),
        { maxWaitMs: 100 },
      )
      try {
        return await readAll(reader)
      } finally {
        await reader.close()
      }
    }

    async function readAll(reader: KafkaReader): Promise<readonly IncomingRecord[]> {
      const records: IncomingRecord[] = []
      for (let quiet = 0; quiet < 2;) {
        const batch = await reader.read()
        records.push(...batch.records)
        quiet = batch.records.length === 0 && batch.positions.every(({ next, end }) => next === end) ? quiet + 1 : 0
      }
      return records
    }

    const texts = (records: readonly IncomingRecord[]): readonly string[] => records.map(({ value }) => String(Buffer.from(value!)))

    test('what is sent comes back: key, value, headers, time, partition and offset', async () => {
      const topic = await topicOf(2)
      const producer = await client.producer({ compression: 'gzip' })
      const outcomes = await producer.send([
        record(topic, 'um', { key: 'chave ção', headers: { a: 'é', b: new Uint8Array([0, 255]) }, timestamp: 1_700_000_000_000 }),
        record(topic, 'dois', { partition: 1 }),
        { topic, partition: 0, key: new Uint8Array([1, 2]), value: null },
      ])
      expect(outcomes).toEqual([{ offset: 0 }, { offset: 0 }, { offset: 1 }])
      const records = [...(await contents(topic, 2))].sort((a, b) => a.partition - b.partition || a.offset - b.offset)
      expect(records).toMatchObject([
        { timestamp: 1_700_000_000_000, partition: 0, offset: 0 },
        { partition: 0, offset: 1, value: null },
        { partition: 1 },
      ])
      expect([String(records[0]!.key), texts([records[0]!])]).toEqual(['chave ção', ['um']])
      expect([String(records[0]!.headers['a']), [...records[0]!.headers['b']!]]).toEqual(['é', [0, 255]])
      expect([...records[1]!.key!]).toEqual([1, 2])
      expect(records[2]!.key).toBeNull()
      await producer.close()
    })

    test('what is compressed comes back, by every algorithm that the client has', async () => {
      const all = library === 'kafkajs' ? (['none', 'gzip'] as const) : (['none', 'gzip', 'snappy', 'lz4'] as const)
      for (const compression of all) {
        const topic = await topicOf()
        const producer = await client.producer({ compression })
        const values = Array.from({ length: 50 }, (_, n) => `${n} ${'pão de queijo '.repeat(50)}`)
        const outcomes = await producer.send(values.map((value) => record(topic, value)))
        expect([compression, outcomes]).toEqual([compression, values.map((_, offset) => ({ offset }))])
        expect(texts(await contents(topic))).toEqual(values)
        await producer.close()
      }
    })

    test('concurrent calls keep their order in each partition, and each gets its own offsets', async () => {
      const topic = await topicOf(2)
      const producer = await client.producer()
      const calls = Array.from({ length: 150 }, (_, n) => [record(topic, `a${n}`), record(topic, `b${n}`, { partition: 1 })])
      const outcomes = await Promise.all(calls.map((records) => producer.send(records)))
      expect(outcomes).toEqual(calls.map((_, n) => [{ offset: n }, { offset: n }]))
      const records = await contents(topic, 2)
      for (const [partition, letter] of ['a', 'b'].entries())
        expect(texts(records.filter((each) => each.partition === partition))).toEqual(calls.map((_, n) => `${letter}${n}`))
      await producer.close()
    })

    test('one partition that refuses its batch takes no other with it, and what follows is written', async () => {
      const topic = await topicOf(2, { 'max.message.bytes': '1000' })
      const producer = await client.producer()
      const [first, second] = await producer.send([record(topic, 'x'.repeat(5_000)), record(topic, 'klein', { partition: 1 })])
      expect(fail('send', (first as { error: unknown }).error)).toMatchObject({ code: 'TOO_LARGE' })
      expect(second).toEqual({ offset: 0 })
      expect(await producer.send([record(topic, 'a'), record(topic, 'b', { partition: 1 })])).toEqual([{ offset: 0 }, { offset: 1 }])
      const [gone] = await producer.send([record('no.such.topic', 'a')])
      expect(fail('send', (gone as { error: unknown }).error)).toMatchObject({ code: 'NOT_FOUND' })
      // Many at once, of which each fits and all together do not.
      const many = await Promise.all(Array.from({ length: 20 }, (_, n) => producer.send([record(topic, `${n}`.padEnd(400))])))
      expect(many.flat().every((outcome) => 'offset' in outcome)).toBe(true)
      expect(await contents(topic, 2)).toHaveLength(24 - 1)
      await producer.close()
    })

    test('a reader waits for what comes, ends when closed, and begins where it is told', async () => {
      const topic = await topicOf()
      const producer = await client.producer()
      await producer.send(['a', 'b', 'c'].map((value) => record(topic, value)))
      const reader = await client.reader([{ topic, partition: 0, offset: 1 }], { maxWaitMs: 20_000 })
      expect(texts((await reader.read()).records)).toEqual(['b', 'c'])
      const late = reader.read()
      setTimeout(() => void producer.send([record(topic, 'd')]), 200)
      const { records, positions } = await late
      expect([texts(records), positions]).toEqual([['d'], [{ topic, partition: 0, next: 4, end: 4 }]])
      const abort = new AbortController()
      const given = reader.read(abort.signal)
      abort.abort()
      expect((await given).records).toEqual([])
      const waiting = reader.read()
      await reader.close()
      expect((await waiting).records).toEqual([])
      await reader.close()
      await producer.close()
    })

    test('an offset that is deleted, or not there yet, is moved into range', async () => {
      const topic = await topicOf()
      const producer = await client.producer()
      await producer.send(['a', 'b', 'c'].map((value) => record(topic, value)))
      await client.admin.deleteRecords(topic, [{ partition: 0, offset: 2 }])
      expect([await client.admin.offsets(topic, 'earliest'), await client.admin.offsets(topic, 'latest')]).toEqual([
        [{ partition: 0, offset: 2 }],
        [{ partition: 0, offset: 3 }],
      ])
      expect(texts(await contents(topic))).toEqual(['c'])
      await producer.close()
    })

    test('transactions: their markers are passed over', async () => {
      const topic = await topicOf()
      const kafkajs = new Kafka({ brokers: [kafka.url], logLevel: logLevel.NOTHING })
      const other = kafkajs.producer({ transactionalId: `t-${topic}`, idempotent: true, maxInFlightRequests: 1 })
      await other.connect()
      for (const [value, end] of [
        ['kept', 'commit'],
        ['aborted', 'abort'],
        ['kept too', 'commit'],
      ] as const) {
        const transaction = await other.transaction()
        await transaction.send({ topic, messages: [{ value }] })
        await transaction[end]()
      }
      await other.disconnect()
      const records = await contents(topic)
      expect(texts(records)).toEqual(['kept', 'aborted', 'kept too'])
      expect(records.map(({ offset }) => offset)).toEqual([0, 2, 4])
    }, 60_000)

    test('topics are made, told, grown, configured and deleted', async () => {
      const { admin } = client
      const topic = await topicOf(1, { 'retention.ms': '1000000' })
      await expect(
        admin.createTopics([{ name: topic, partitions: 1, replicas: 1, config: {} }]).catch((e: unknown) => Promise.reject(fail('x', e))),
      ).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
      await admin.addPartitions(topic, 3)
      expect(await admin.topics([topic, 'no.such.topic'])).toEqual([{ name: topic, partitions: 3, replicas: 1 }])
      await admin.setTopicConfig(topic, { 'max.message.bytes': '500000' })
      await until(async () => (await admin.topicConfig(topic))['max.message.bytes'] === '500000')
      expect((await admin.topicConfig(topic))['retention.ms']).toBe('1000000')
      expect(await admin.topicNames()).toContain(topic)
      expect((await admin.brokers()).length).toBe(1)
      expect((await admin.apiVersions()).get(22)).toBeGreaterThanOrEqual(1)
      await admin.deleteTopics([topic])
      await until(async () => (await admin.topics([topic])).length === 0)
    })

    test('the answer to a batch is lost: it is told as unknown, and the next batch, as large, is not taken for its repetition', async () => {
      const topic = await topicOf()
      const behind = await open(connectionTo(link.address))
      const producer = await behind.producer()
      await producer.send([record(topic, 'warm')])
      const mend = await link.add({ type: 'timeout', attributes: { timeout: 0 } })
      const [lost] = await producer.send([record(topic, 'lost?')])
      expect(fail('send', (lost as { error: unknown }).error)).toMatchObject({ code: 'UNAVAILABLE', outcome: 'unknown' })
      await mend()
      let next = await producer.send([record(topic, 'next')])
      for (let tries = 0; 'error' in next[0]! && tries < 20; tries++) next = await producer.send([record(topic, 'next')])
      expect(next).toEqual([{ offset: expect.any(Number) }])
      const stored = texts(await contents(topic))
      expect(stored).toContain('next')
      expect(stored.indexOf('next')).toBe((next[0] as { offset: number }).offset)
      await behind.close()
    }, 60_000)

    test('an answer that is cut off in its middle costs its call alone, not the next connection nor the process', async () => {
      const topic = await topicOf()
      const behind = await open(connectionTo(link.address))
      for (const bytes of [2, 30, 200]) {
        const mend = await link.add({ type: 'limit_data', attributes: { bytes } })
        const producer = await behind.producer().catch(() => undefined)
        const outcomes = await producer?.send([record(topic, 'cut')])
        await behind.admin.topicNames().catch(() => undefined)
        await mend()
        await producer?.close()
        expect(outcomes === undefined || 'error' in outcomes[0]! || bytes > 2).toBe(true)
      }
      expect(await behind.admin.topicNames()).toContain(topic)
      const producer = await behind.producer()
      const reader = await behind.reader([{ topic, partition: 0, offset: 0 }], { maxWaitMs: 100 })
      expect(await producer.send([record(topic, 'whole')])).toEqual([{ offset: expect.any(Number) }])
      expect(texts(await readAll(reader)).at(-1)).toBe('whole')
      await behind.close()
    }, 60_000)

    test('a broker that is killed and comes back: what was accepted is read, each once, in order, by the same reader', async () => {
      const topic = await topicOf()
      const producer = await client.producer()
      const reader = await client.reader([{ topic, partition: 0, offset: 0 }], { maxWaitMs: 200 })
      const accepted: string[] = []
      const read: string[] = []
      let done = false
      const reading = (async () => {
        for (;;) {
          const batch = await reader.read().catch(() => new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 50)))
          read.push(...texts(batch?.records ?? []))
          if (done && batch?.positions.every(({ next, end }) => next === end) === true && batch.records.length === 0) return
        }
      })()
      let back: Promise<void> | undefined
      for (let n = 0; n < 300; n++) {
        if (n === 100) back = kafka.kill!()
        for (;;) {
          const [outcome] = await producer.send([record(topic, `${n}`)])
          if ('offset' in outcome!) break
          await new Promise((resolve) => setTimeout(resolve, 100))
        }
        accepted.push(`${n}`)
      }
      await back
      done = true
      await reading
      expect([...new Set(read)]).toEqual(accepted)
      // Only a batch whose answer was lost may stand twice.
      expect(read.length - accepted.length).toBeLessThanOrEqual(2)
      await Promise.all([reader.close(), producer.close()])
    }, 120_000)
  })

/** A broker hears of a change after the controller that has made it. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 10_000; !(await holds()); await new Promise((resolve) => setTimeout(resolve, 20)))
    if (Date.now() > deadline) throw new Error('it did not come to be')
}
