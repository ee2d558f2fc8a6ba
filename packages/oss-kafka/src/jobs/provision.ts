import type { AdapterDeps, ProvisionPlan, ProvisionResources } from '@pdvend/ports'
import { openClient } from '../client.js'
import { connectionOf } from '../connection.js'
import { planTopics } from '../provision.js'
import type { Settings } from './config.js'
import { ADAPTER, fail } from './errors.js'
import { jobTopics } from './topics.js'

/** One topic for each job name. */
export async function planJobs(
  settings: Settings,
  jobs: ProvisionResources['jobs'],
  { signal }: Pick<AdapterDeps, 'signal'>,
): Promise<ProvisionPlan> {
  const { prefix, replicas = -1 } = settings
  const client = await openClient(await connectionOf(settings, 'JOBS', ADAPTER))
  const close = (): void => void client.close().catch(() => {})
  signal.addEventListener('abort', close, { once: true })
  const specs = jobTopics(
    jobs.map(({ name }) => name),
    { prefix, replicas },
  )
  const plan = await planTopics(client, specs, { adapter: ADAPTER, fail, growth: 'never' })
  return {
    ...plan,
    async close() {
      signal.removeEventListener('abort', close)
      await plan.close()
    },
  }
}
