import { ShareAdmin } from '@pdvend/kafka-share-consumer'
import type { ProvisionPlan, ProvisionStep } from '@pdvend/ports'
import type { Connection } from '../../connection.js'
import { shareOptions } from './connection.js'
import { shareTopicOf } from './topics.js'

/** Why these brokers have no share groups that serve for jobs; undefined where they have. @throws what the client throws */
export async function whyNoShare(connection: Connection): Promise<string | undefined> {
  await using admin = new ShareAdmin(shareOptions(connection))
  const { supported, renew, reason } = await admin.support()
  if (supported && renew) return undefined
  return reason ?? 'these brokers cannot renew a lock: that takes Kafka 4.2'
}

/** The plan, and after its topics the share groups: each from the beginning of its topic on, before its first member joins. */
export function withShareGroups(plan: ProvisionPlan, connection: Connection, names: readonly string[], prefix: string): ProvisionPlan {
  const groups = names.map((name) => shareTopicOf(name, { prefix }))
  const made = new Set(plan.steps.filter(({ change }) => change === 'create').map(({ name }) => name))
  const steps = groups.map((name): ProvisionStep => {
    return { kind: 'share group', name, change: made.has(name) ? 'create' : 'keep', detail: 'share.auto.offset.reset=earliest' }
  })
  return {
    ...plan,
    steps: [...plan.steps, ...steps],
    async apply() {
      await plan.apply()
      await using admin = new ShareAdmin(shareOptions(connection))
      for (const group of groups) await admin.alter(group, { 'share.auto.offset.reset': 'earliest' })
    },
  }
}
