import {
  ConnectionPool,
  findCoordinatorV4,
  metadataV12,
  TimeoutError,
  type API,
  type Broker,
  type Connection,
  type ConnectionOptions,
} from '@platformatic/kafka'
import { ShareError } from './errors.js'
import type { LeaderHint, NodeEndpoint } from './protocol/acknowledgement-batch.js'
import { codes, describeCode } from './protocol/error-codes.js'

/** How to reach the brokers; TLS and SASL are the client's own. */
export interface ClusterOptions {
  /** `host:port`; any that answers is enough. */
  readonly bootstrapBrokers: readonly string[]
  /** Default `kafka-share-consumer`. */
  readonly clientId?: string
  /** `tls`, `sasl`, `connectTimeout` (default 5,000 ms), `requestTimeout` (default 10,000 ms): those of @platformatic/kafka. */
  readonly connection?: ConnectionOptions
}

export interface TopicPartition {
  readonly topicId: string
  readonly topic: string
  readonly partition: number
}

const REQUEST_TIMEOUT_MS = 10_000
const GROUP = 0

/**
 * The brokers, who leads what, and the connections: two to each broker, since a broker answers one request of a connection at a
 * time, and an acknowledgement must not wait behind a fetch that waits for records.
 */
export class Cluster {
  readonly #bootstrap: readonly Broker[]
  readonly #fetches: ConnectionPool
  readonly #control: ConnectionPool
  readonly #brokers = new Map<number, Broker>()
  readonly #topicIds = new Map<string, string>()
  readonly #topicNames = new Map<string, string>()
  readonly #leaders = new Map<string, LeaderHint>()
  #refreshing: Promise<void> | undefined
  readonly #coordinators = new Map<string, number>()

  constructor({ bootstrapBrokers, clientId = 'kafka-share-consumer', connection = {} }: ClusterOptions) {
    this.#bootstrap = bootstrapBrokers.map(toBroker)
    const options = { requestTimeout: REQUEST_TIMEOUT_MS, ...connection }
    this.#fetches = quiet(new ConnectionPool(clientId, options))
    this.#control = quiet(new ConnectionPool(clientId, options))
  }

  /** The connection on which a share session lives: when it closes, the broker releases what the session holds. */
  fetchConnection(nodeId: number): Promise<Connection> {
    return this.#fetches.get(this.#broker(nodeId))
  }

  controlConnection(nodeId: number): Promise<Connection> {
    return this.#control.get(this.#broker(nodeId))
  }

  /** @throws ShareError UNAVAILABLE naming each broker that was tried. */
  async anyConnection(): Promise<Connection> {
    const brokers = [...this.#brokers.values(), ...this.#bootstrap]
    const failures: unknown[] = []
    for (const broker of brokers) {
      try {
        return await this.#control.get(broker)
      } catch (cause) {
        failures.push(cause)
      }
    }
    const tried = [...new Set(brokers.map(({ host, port }) => `${host}:${port}`))].join(', ')
    throw new ShareError('UNAVAILABLE', `no broker answers at ${tried}`, failures.at(-1))
  }

  /** A group's coordinator, kept until {@link forgetCoordinator}. */
  async coordinator(groupId: string): Promise<Connection> {
    let nodeId = this.#coordinators.get(groupId)
    if (nodeId === undefined) {
      const { coordinators } = await answer(call(await this.anyConnection(), findCoordinatorV4.api, GROUP, [groupId]))
      const found = coordinators[0]
      if (found === undefined || found.errorCode !== codes.NONE) {
        const { errorCode, errorMessage } = found ?? { errorCode: codes.COORDINATOR_NOT_AVAILABLE, errorMessage: null }
        const code = errorCode === codes.GROUP_AUTHORIZATION_FAILED ? 'REFUSED' : 'UNAVAILABLE'
        throw new ShareError(code, `no coordinator for group "${groupId}": ${describeCode(errorCode, errorMessage)}`)
      }
      this.#brokers.set(found.nodeId, { host: found.host, port: found.port })
      nodeId = found.nodeId
      this.#coordinators.set(groupId, nodeId)
    }
    return this.controlConnection(nodeId)
  }

  forgetCoordinator(): void {
    this.#coordinators.clear()
  }

  /** Asks any broker who leads these topics; calls at the same time share one request. */
  refresh(topics: readonly string[]): Promise<void> {
    this.#refreshing ??= this.#refresh(topics).finally(() => (this.#refreshing = undefined))
    return this.#refreshing
  }

  /** `undefined` while nobody is known to lead it. */
  leaderOf({ topicId, partition }: Pick<TopicPartition, 'topicId' | 'partition'>): number | undefined {
    const leader = this.#leaders.get(`${topicId}:${partition}`)?.leaderId
    return leader !== undefined && this.#brokers.has(leader) ? leader : undefined
  }

  nameOf(topicId: string): string | undefined {
    return this.#topicNames.get(topicId)
  }

  /** The partitions of these topics, asked for anew. */
  async partitionsOf(topics: readonly string[]): Promise<readonly { readonly topic: string; readonly partitions: readonly number[] }[]> {
    await this.refresh(topics)
    return topics.map((topic) => {
      const prefix = `${this.#topicIds.get(topic)}:`
      const keys = [...this.#leaders.keys()].filter((key) => key.startsWith(prefix))
      return { topic, partitions: keys.map((key) => Number(key.slice(prefix.length))) }
    })
  }

  /** What a broker said while refusing: newer than the metadata unless its epoch says otherwise. Whether it told something new. */
  learn(
    { topicId, partition }: Pick<TopicPartition, 'topicId' | 'partition'>,
    hint: LeaderHint,
    endpoints: readonly NodeEndpoint[],
  ): boolean {
    for (const { nodeId, host, port } of endpoints) this.#brokers.set(nodeId, { host, port })
    const key = `${topicId}:${partition}`
    const known = this.#leaders.get(key)
    if (hint.leaderId < 0 || !this.#brokers.has(hint.leaderId)) return false
    if (known !== undefined && hint.leaderEpoch <= known.leaderEpoch) return false
    this.#leaders.set(key, hint)
    return true
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#fetches.close(), this.#control.close()])
  }

  async #refresh(topics: readonly string[]): Promise<void> {
    const metadata = await answer(call(await this.anyConnection(), metadataV12.api, [...topics], false, false))
    for (const { nodeId, host, port } of metadata.brokers) this.#brokers.set(nodeId, { host, port })
    for (const { name, topicId, errorCode, partitions } of metadata.topics) {
      if (typeof name !== 'string' || errorCode !== codes.NONE) continue
      // A topic that was deleted and made again has another id.
      const before = this.#topicIds.get(name)
      if (before !== undefined && before !== topicId) this.#topicNames.delete(before)
      this.#topicIds.set(name, topicId)
      this.#topicNames.set(topicId, name)
      for (const { partitionIndex, leaderId, leaderEpoch } of partitions) {
        this.#leaders.set(`${topicId}:${partitionIndex}`, { leaderId, leaderEpoch })
      }
    }
  }

  #broker(nodeId: number): Broker {
    const broker = this.#brokers.get(nodeId)
    if (broker === undefined) throw new ShareError('UNAVAILABLE', `the address of broker ${nodeId} is not known`)
    return broker
  }
}

/** One request. A connection on which one timed out is of no use any more: the client would wait for ever behind the late answer. */
export function call<Arguments extends unknown[], Response>(
  connection: Connection,
  api: API<Arguments, Response>,
  ...args: Arguments
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, response?: Response): void => {
      if (error === null || error === undefined) return resolve(response as Response)
      if (error instanceof TimeoutError) connection.socket.destroy()
      reject(error)
    }
    const send = api as unknown as (connection: Connection, ...args: unknown[]) => void
    send(connection, ...args, done)
  })
}

/** The client rejects an answer in which anything failed; each part has its own code, and the parts that did not fail are of use. */
async function answer<Response>(sent: Promise<Response>): Promise<Response> {
  try {
    return await sent
  } catch (error) {
    const { response } = error as { readonly response?: Response }
    if (response === undefined) throw error
    return response
  }
}

/** A connection that breaks tells whoever waits for it; without a listener of its own, its second error would end the process. */
function quiet(pool: ConnectionPool): ConnectionPool {
  pool.on('connecting', ({ connection }) => connection.on('error', () => undefined))
  return pool
}

function toBroker(address: string): Broker {
  const match = /^\[?([^\]]+?)\]?:(\d+)$/.exec(address.trim())
  if (match === null) throw new ShareError('REFUSED', `bootstrapBrokers: "${address}" is not host:port`)
  return { host: match[1]!, port: Number(match[2]) }
}
