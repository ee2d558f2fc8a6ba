import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type RunningEngine, startEngine, whyMissing } from '@pdvend/engines'
import type { ProvisionPlan } from '@pdvend/ports'
import { type KafkaClient, openClient, type TopicSpec } from '../src/client.js'
import { kafkaErrors } from '../src/errors.js'
import { planTopics } from '../src/provision.js'

const reason = await whyMissing('kafka')
const describeHere = reason === undefined ? describe : describe.skip
const fail = kafkaErrors('test', 'TELEMETRY')

for (const library of ['kafkajs', 'platformatic'] as const)
  describeHere(`provision on Apache Kafka through ${library}${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
    let kafka: RunningEngine
    let client: KafkaClient
    const open = (): Promise<KafkaClient> =>
      openClient({ client: library, brokers: [kafka.url], clientId: 'test', connectTimeoutMs: 3_000, requestTimeoutMs: 10_000 })
    beforeAll(async () => {
      kafka = await startEngine('kafka')
      client = await open()
    }, 120_000)
    afterAll(async () => {
      await client?.close()
      await kafka?.stop()
    })

    async function planned<T>(
      specs: readonly TopicSpec[],
      look: (plan: ProvisionPlan) => Promise<T>,
      growth: 'any-time' | 'never' = 'any-time',
    ): Promise<T> {
      const plan = await planTopics(await open(), specs, { adapter: 'test', fail, growth })
      try {
        return await look(plan)
      } finally {
        await plan.close()
      }
    }
    const spec = (name: string, rest: Partial<TopicSpec> = {}): TopicSpec => ({ name, partitions: 2, replicas: -1, config: {}, ...rest })
    const changes = ({ steps }: ProvisionPlan): readonly string[] => steps.map(({ name, change }) => `${change} ${name}`)

    test('a plan changes nothing; applied, it makes what is missing, and once more nothing', async () => {
      const specs = [spec('new.one', { config: { 'retention.ms': '-1' } }), spec('new.two', { partitions: 3 })]
      await planned(specs, async (plan) => {
        expect(changes(plan)).toEqual(['create new.one', 'create new.two'])
        expect(plan.steps[0]!.detail).toBe('2 partitions, 1 copy, min.insync.replicas=1, retention.ms=-1')
        expect(await client.admin.topics(['new.one', 'new.two'])).toEqual([])
        await plan.apply()
      })
      expect(await client.admin.topics(['new.one', 'new.two'])).toEqual([
        { name: 'new.one', partitions: 2, replicas: 1 },
        { name: 'new.two', partitions: 3, replicas: 1 },
      ])
      expect((await client.admin.topicConfig('new.one'))['retention.ms']).toBe('-1')
      await planned(specs, async (plan) => {
        expect(changes(plan)).toEqual(['keep new.one', 'keep new.two'])
        await plan.apply()
      })
    })

    test('what a topic lacks is set; what it has beyond, or of its own, stays', async () => {
      const config = { 'retention.ms': '604800000', 'max.message.bytes': '2000000', 'segment.ms': '3600000' }
      await client.admin.createTopics([{ name: 'grown', partitions: 1, replicas: 1, config }])
      const wanted = spec('grown', {
        config: { 'retention.ms': '-1', 'max.message.bytes': '1048588', 'message.timestamp.type': 'LogAppendTime' },
      })
      await planned([wanted], async (plan) => {
        expect(plan.steps).toEqual([
          {
            kind: 'topic',
            name: 'grown',
            change: 'update',
            detail: '1 to 2 partitions, retention.ms from 604800000 to -1, message.timestamp.type from CreateTime to LogAppendTime',
          },
        ])
        await plan.apply()
      })
      expect(await client.admin.topics(['grown'])).toMatchObject([{ partitions: 2 }])
      // A broker hears of a change after the controller that has made it.
      for (let tries = 0; (await client.admin.topicConfig('grown'))['retention.ms'] !== '-1' && tries < 200; tries++)
        await new Promise((resolve) => setTimeout(resolve, 20))
      expect(await client.admin.topicConfig('grown')).toMatchObject({
        'retention.ms': '-1',
        'max.message.bytes': '2000000',
        'message.timestamp.type': 'LogAppendTime',
        'segment.ms': '3600000',
      })
      await planned([{ ...wanted, partitions: 1 }], async (plan) => expect(changes(plan)).toEqual(['keep grown']))
    })

    test('what cannot be mended without harm is refused, with the mend, and then nothing at all is changed', async () => {
      await client.admin.createTopics([
        { name: 'compacted', partitions: 2, replicas: 1, config: { 'cleanup.policy': 'compact' } },
        { name: 'ordered', partitions: 1, replicas: 1, config: {} },
      ])
      const cases = [
        [spec('compacted', { config: { 'cleanup.policy': 'delete' } }), /cleanup\.policy=compact and delete is wanted/],
        [spec('ordered'), /has 1 partition and 2 are wanted; more would break the order/],
        [spec('many.copies', { replicas: 3 }), /3 copies are asked for, and there are 1 brokers/],
      ] as const
      for (const [refused, why] of cases)
        await planned(
          [spec('beside'), refused],
          async (plan) => {
            expect(changes(plan)).toEqual(['create beside', `refuse ${refused.name}`])
            expect(plan.steps[1]!.detail).toMatch(why)
            await expect(plan.apply()).rejects.toMatchObject({ code: 'PRECONDITION_FAILED', target: refused.name })
          },
          'never',
        )
      expect(await client.admin.topics(['beside', 'many.copies'])).toEqual([])
    })

    test('what the broker answers is translated: a name that Kafka does not take', async () => {
      await planned([spec('no/name')], async (plan) =>
        expect(plan.apply()).rejects.toMatchObject({ code: 'CONFIG_INVALID', target: 'no/name' }),
      )
    })
  })
