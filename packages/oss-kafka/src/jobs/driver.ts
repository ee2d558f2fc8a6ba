import { randomBytes } from 'node:crypto'
import { type AdapterDeps, type JobDriver, PortError } from '@pdvend/ports'
import { brokerSeries, whyTooOld } from '../broker.js'
import { type KafkaClient, openClient } from '../client.js'
import { connectionOf } from '../connection.js'
import { Dead } from './classic/dead.js'
import { ClassicEngine } from './classic/engine.js'
import { Queues } from './classic/queues.js'
import { until } from './classic/signals.js'
import type { Settings } from './config.js'
import { ADAPTER, fail } from './errors.js'
import { BothEngines } from './share/both.js'
import { shareOptions } from './share/connection.js'
import { ShareEngine } from './share/engine.js'
import { whyNoShare } from './share/open.js'
import { MAX_PAYLOAD_BYTES } from './topics.js'

const LIMITS: JobDriver['limits'] = {
  maxPayloadBytes: MAX_PAYLOAD_BYTES,
  maxBatch: 500,
  // As on the other engines (SQS: 12 hours); nothing in Kafka bounds it.
  maxLeaseMs: 43_200_000,
  // Nothing polls: a waiting `receive` hears of new records, and a timer waits for the next due time or expiry.
  maxWaitMs: 3_600_000,
}

/**
 * *Semantics*: a queue is a topic of one partition, and a log: jobs, and what workers did to them, in one order that all
 * workers read. A claim or a settlement holds where it stands in the log; nobody decides anything by a group, a rebalance or a
 * commit. What `enqueue`, `settle` and `extend` resolved for is on all in-sync replicas. Leases go by the workers' clocks: keep
 * these together to well within a lease.
 *
 * *Limits*: those above. Every worker keeps an index of what is not done in memory, about 750 bytes a job, and 64 MiB of
 * payloads. *Names*: `<prefix><job name>`. *Cost*: one produce request for all that a turn of the event loop writes to a queue;
 * each worker reads all that is written to the queues that it works on.
 */
export async function openJobs(settings: Settings, { clock, log, signal }: AdapterDeps): Promise<JobDriver> {
  const connection = await connectionOf(settings, 'JOBS', ADAPTER)
  const client = await openClient(connection)
  let facts: Readonly<Record<string, string>>
  let share: ReturnType<typeof shareOptions> | undefined
  try {
    const apis = await until(client.admin.apiVersions(), signal)
    const old = whyTooOld(apis)
    if (old !== undefined) throw new PortError('UNSUPPORTED', { detail: `the Kafka at PDVEND_JOBS_BROKERS is too old: ${old}` })
    const without = settings.engine === 'classic' ? 'PDVEND_JOBS_ENGINE=classic' : await until(whyNoShare(connection), signal)
    share = without === undefined ? shareOptions(connection) : undefined
    const engine = without === undefined ? 'share, and classic for keys, dedupe keys, priorities and delays' : `classic: ${without}`
    facts = { engine, client: client.library, broker: brokerSeries(apis) }
    log.info(facts, 'jobs on Kafka')
  } catch (cause) {
    void client.close().catch(() => {})
    throw fail('open', cause)
  }
  return jobsDriver(client, settings.prefix, { clock, log }, facts, share)
}

function jobsDriver(
  client: KafkaClient,
  prefix: string,
  { clock, log }: Pick<AdapterDeps, 'clock' | 'log'>,
  facts: JobDriver['facts'] & object,
  share: ReturnType<typeof shareOptions> | undefined,
): JobDriver {
  const writer = randomBytes(9).toString('base64url')
  const cleaningFailed = (topic: string, cause: unknown): void => {
    const error = fail('clean', cause, topic)
    const text = 'could not delete what is done from a queue: its log grows until this is mended'
    if (!error.retryable) log.warn({ port: 'jobs', adapter: ADAPTER, topic, error: String(error) }, text)
  }
  const queues = new Queues({ client, clock, adapter: ADAPTER, prefix, writer, cleaningFailed })
  const classic = new ClassicEngine({ queues, clock, writer, adapter: ADAPTER, fail })
  const kept = async (name: string, id: string, signal: AbortSignal): Promise<boolean> => {
    const replica = await queues.replica(name, signal)
    await replica.catchUp(signal)
    return replica.state.byId(id) !== undefined
  }
  const engine =
    share === undefined
      ? classic
      : new BothEngines(
          classic,
          new ShareEngine({ client, options: share, clock, prefix, writer, adapter: ADAPTER, keeper: classic, kept }),
        )
  const dead = new Dead(queues, clock)
  const told = async <T>(operation: string, work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (cause) {
      throw fail(operation, cause)
    }
  }
  let closing: Promise<void> | undefined
  return {
    facts,
    limits: LIMITS,
    capabilities: { delay: true, fifo: true, dedupe: true, priority: true, lookup: false },
    enqueue: (jobs, call) => engine.enqueue(jobs, call),
    receive: (options) => told('receive', engine.receive(options)),
    settle: (lease, settlement, call) => engine.settle(lease, settlement, call),
    extend: (lease, leaseMs, call) => engine.extend(lease, leaseMs, call),
    stats: (names, call) => told('stats', (async () => engine.stats(names ?? (await queues.names()), call))()),
    listDead: (query) => told('listDead', dead.list(query)),
    redriveDead: (ids, call) => told('redriveDead', dead.redrive(ids, call)),
    discardDead: (ids, call) => told('discardDead', dead.discard(ids, call)),
    ping: ({ signal }) =>
      told(
        'ping',
        until(client.admin.brokers(), signal).then(() => {}),
      ),
    close() {
      closing ??= (async () => {
        await engine.close()
        await queues.close()
        await client.close()
      })()
      return closing
    },
  }
}
