import { type AdapterDeps, PortError, type ProvisionPlan, type ProvisionResources } from '@pdvend/ports'
import { bucketClient } from './bucket/store.js'
import type { Settings } from './config.js'
import { fail } from './errors.js'
import { bucketTasks } from './provision/bucket.js'
import { queueTasks, type Task } from './provision/queues.js'
import { sqsClients } from './sqs/client.js'

/** Jobs whose queues are looked at, or made, at once. */
const AT_ONCE = 8

/**
 * The queues of each job, and the bucket. Nothing that is there is taken away: what a queue has beyond what jobs need, its
 * encryption and policies among that, stays.
 */
export async function planQueues(
  settings: Settings,
  jobs: ProvisionResources['jobs'],
  { signal }: Pick<AdapterDeps, 'signal'>,
): Promise<ProvisionPlan> {
  const s3 = bucketClient(settings)
  const { calls: sqs, polls } = sqsClients(settings)
  const close = (): void => {
    s3.destroy()
    sqs.destroy()
    polls.destroy()
  }
  const on = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (cause) {
      throw fail('provision', cause, name)
    }
  }
  try {
    const bucket = await on(settings.bucket, () => bucketTasks(s3, settings, signal))
    const queues = await each(jobs, (job) => on(job.name, () => queueTasks(sqs, settings.prefix, job, signal)))
    return {
      steps: [...bucket, ...queues.flat()].map(({ step }) => step),
      async apply() {
        const refused = [...bucket, ...queues.flat()].find(({ step }) => step.change === 'refuse')?.step
        if (refused !== undefined)
          throw new PortError('CONFIG_INVALID', {
            adapter: 'aws-sqs',
            operation: 'provision',
            target: refused.name,
            detail: refused.detail ?? '',
          })
        for (const task of bucket) await on(settings.bucket, async () => task.apply?.())
        await each(queues, async (tasks: readonly Task[]) => {
          for (const task of tasks) await on(task.step.name, async () => task.apply?.())
        })
      },
      close: async () => close(),
    }
  } catch (error) {
    close()
    throw error
  }
}

/** A few at a time, in order. */
async function each<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let at = 0; at < items.length; at += AT_ONCE) results.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(work))))
  return results
}
