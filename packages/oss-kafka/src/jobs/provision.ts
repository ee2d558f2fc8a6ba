import type { AdapterDeps, ProvisionPlan, ProvisionResources } from '@pdvend/ports'
import { type KafkaClient, openClient } from '../client.js'
import { type Connection, connectionOf } from '../connection.js'
import { planTopics } from '../provision.js'
import type { Settings } from './config.js'
import { ADAPTER, fail } from './errors.js'
import { whyNoShare, withShareGroups } from './share/open.js'
import { shareTopics } from './share/topics.js'
import { jobTopics } from './topics.js'

/** One topic for each job name; where the brokers have share groups, a second one with its group for each whose jobs have no key. */
export async function planJobs(
  settings: Settings,
  jobs: ProvisionResources['jobs'],
  { signal }: Pick<AdapterDeps, 'signal'>,
): Promise<ProvisionPlan> {
  const { prefix, replicas = -1 } = settings
  const connection = await connectionOf(settings, 'JOBS', ADAPTER)
  const client = await openClient(connection)
  const close = (): void => void client.close().catch(() => {})
  signal.addEventListener('abort', close, { once: true })
  const plan = await planAll(client, connection, jobs, { ...settings, prefix, replicas })
  return {
    ...plan,
    async close() {
      signal.removeEventListener('abort', close)
      await plan.close()
    },
  }
}

async function planAll(
  client: KafkaClient,
  connection: Connection,
  jobs: ProvisionResources['jobs'],
  { engine, prefix, replicas }: Pick<Settings, 'engine' | 'prefix'> & { readonly replicas: number },
): Promise<ProvisionPlan> {
  const names = jobs.map(({ name }) => name)
  const shares = engine === 'auto' && (await noShare(client, connection)) === undefined
  const unkeyed = shares ? jobs.filter(({ keyed }) => !keyed).map(({ name }) => name) : []
  const specs = [...jobTopics(names, { prefix, replicas }), ...shareTopics(unkeyed, { prefix, replicas })]
  const plan = await planTopics(client, specs, { adapter: ADAPTER, fail, growth: 'never' })
  return withShareGroups(plan, connection, unkeyed, prefix)
}

async function noShare(client: KafkaClient, connection: Connection): Promise<string | undefined> {
  try {
    return await whyNoShare(connection)
  } catch (cause) {
    await client.close()
    throw fail('provision', cause)
  }
}
