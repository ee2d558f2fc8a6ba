import { incrementalAlterConfigsV1 } from '@platformatic/kafka'
import { call, Cluster, type ClusterOptions } from './cluster.js'
import { ShareError } from './errors.js'
import { apiVersions } from './protocol/api-versions.js'
import { describeShareGroupOffsets } from './protocol/describe-share-group-offsets.js'
import { codes, describeCode, isFatal } from './protocol/error-codes.js'

/** What the brokers can do. */
export interface ShareSupport {
  readonly supported: boolean
  /** Locks can be renewed, and no more records are acquired than asked for: Kafka 4.2. */
  readonly renew: boolean
  /** Absent where `supported`. */
  readonly reason?: string
}

const HEARTBEAT = 76
const FETCH = 78
const ACKNOWLEDGE = 79

/** Asks one broker. @throws ShareError UNAVAILABLE */
export async function askSupport(cluster: Cluster): Promise<ShareSupport & { readonly version: 1 | 2 }> {
  const { highest, features } = await call(await cluster.anyConnection(), apiVersions, 'kafka-share-consumer', '1')
  const [heartbeat = 0, fetch = 0, acknowledge = 0] = [HEARTBEAT, FETCH, ACKNOWLEDGE].map((key) => highest.get(key))
  const version = Math.min(fetch, acknowledge) >= 2 ? 2 : 1
  if (heartbeat < 1 || fetch < 1 || acknowledge < 1) {
    return { supported: false, renew: false, reason: 'these brokers have no share groups: that takes Kafka 4.2', version }
  }
  // The brokers know the requests, but the cluster's operators have not turned the feature on (or have not finished an upgrade).
  if ((features.get('share.version') ?? 0) < 1) {
    const reason = 'share groups are turned off: kafka-features.sh upgrade --feature share.version=1'
    return { supported: false, renew: false, reason, version }
  }
  return { supported: true, renew: version >= 2, version }
}

/** Settings of a share group: the broker's, by name. `null` takes a setting back to the broker's default. */
export type ShareGroupSettings = Readonly<Record<string, string | number | null>>

type AlteredResources = Parameters<typeof incrementalAlterConfigsV1.createRequest>[0]

const GROUP_RESOURCE = 32
const SET = 0
const DELETE = 1

/** How far a share group has come in one partition. */
export interface SharePartitionProgress {
  readonly topic: string
  readonly partition: number
  /** All before it is done with, what follows perhaps in part: it is written with the group's next change. -1 before the first one. */
  readonly startOffset: bigint
  /** Records that are not done with, those that are locked included; -1 while the broker does not know. */
  readonly lag: bigint
}

/** Looks after share groups over connections of its own, until it is closed. */
export class ShareAdmin implements AsyncDisposable {
  readonly #cluster: Cluster

  constructor(options: ClusterOptions) {
    this.#cluster = new Cluster(options)
  }

  /** What the brokers can do. @throws ShareError UNAVAILABLE */
  async support(): Promise<ShareSupport> {
    const { version: _, ...support } = await askSupport(this.#cluster)
    return support
  }

  /**
   * Sets what holds for a group as a whole, before or after it has members, e.g. `{ 'share.auto.offset.reset': 'earliest',
   * 'share.record.lock.duration.ms': 30_000 }`. A new group starts at the end of the topic unless `earliest` is set before its
   * first member joins. Needs the right to alter the group's configuration.
   *
   * @throws ShareError REFUSED with the broker's reason | UNAVAILABLE
   */
  async alter(groupId: string, settings: ShareGroupSettings): Promise<void> {
    const configs = Object.entries(settings).map(([name, value]) =>
      value === null ? { name, configOperation: DELETE } : { name, configOperation: SET, value: String(value) },
    )
    // The client's types know the resources of Kafka 3 only.
    const resources = [{ resourceType: GROUP_RESOURCE, resourceName: groupId, configs }] as unknown as AlteredResources
    await call(await this.#cluster.anyConnection(), incrementalAlterConfigsV1.api, resources, false).catch((cause: unknown) => {
      throw explain(cause, groupId)
    })
  }

  /**
   * Where a group stands, by its coordinator: for monitoring, and to delete what is before `startOffset`.
   * @throws ShareError REFUSED | UNAVAILABLE
   */
  async describe(groupId: string, topics: readonly string[]): Promise<readonly SharePartitionProgress[]> {
    try {
      return await this.#describe(groupId, topics)
    } catch (error) {
      // It may have moved: the next call looks it up.
      this.#cluster.forgetCoordinator()
      throw error
    }
  }

  close(): Promise<void> {
    return this.#cluster.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #describe(groupId: string, topics: readonly string[]): Promise<readonly SharePartitionProgress[]> {
    const partitions = await this.#cluster.partitionsOf(topics)
    const coordinator = await this.#cluster.coordinator(groupId)
    const { groups } = await call(coordinator, describeShareGroupOffsets, { groupId, topics: partitions })
    const [group] = groups
    const failed = [group, ...(group?.partitions ?? [])].find((each) => each !== undefined && each.errorCode !== codes.NONE)
    if (group === undefined || failed !== undefined) {
      const { errorCode, errorMessage } = failed ?? { errorCode: codes.UNKNOWN_SERVER_ERROR, errorMessage: null }
      const text = `share group "${groupId}": ${describeCode(errorCode, errorMessage)}`
      throw new ShareError(isFatal(errorCode) ? 'REFUSED' : 'UNAVAILABLE', text)
    }
    return group.partitions.map(({ topic, partition, startOffset, lag }) => ({ topic, partition, startOffset, lag }))
  }
}

function explain(cause: unknown, groupId: string): unknown {
  const { response } = cause as {
    readonly response?: { readonly responses: readonly { readonly errorCode: number; readonly errorMessage?: string | null }[] }
  }
  const refused = response?.responses.find(({ errorCode }) => errorCode !== codes.NONE)
  if (refused === undefined) return cause
  const code = isFatal(refused.errorCode) || refused.errorCode === codes.INVALID_CONFIG ? 'REFUSED' : 'UNAVAILABLE'
  return new ShareError(code, `settings of share group "${groupId}": ${describeCode(refused.errorCode, refused.errorMessage)}`, cause)
}
