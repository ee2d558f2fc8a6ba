import { setMaxListeners } from 'node:events'
import { type AdapterDeps, type DriverCall, type JobDriver, type JobLimits, PortError } from '@pdvend/ports'
import { Claims } from './bucket/claims.js'
import { DeadLetters } from './bucket/dead.js'
import { Notes } from './bucket/notes.js'
import { Payloads } from './bucket/offload.js'
import { proveConditions } from './bucket/probe.js'
import { openBucketStore } from './bucket/store.js'
import type { BucketStore } from './bucket/types.js'
import type { Settings } from './config.js'
import { DeadJobs } from './dead.js'
import { Deliveries } from './delivery.js'
import { fail } from './errors.js'
import { Later } from './later.js'
import { Leases } from './leases.js'
import { MAX_PAYLOAD_BYTES, MAX_VISIBILITY_SECONDS, MAX_WAIT_SECONDS } from './limits.js'
import { Receiver } from './receiver.js'
import { Sender } from './sender.js'
import { sqsClients } from './sqs/client.js'
import { Queues } from './sqs/queues.js'
import { Stats } from './stats.js'
import { Strays } from './strays.js'

const LIMITS: JobLimits = {
  maxPayloadBytes: MAX_PAYLOAD_BYTES,
  // Ten batches of SQS; they go one after the other, so that what was put in first comes out first as far as SQS keeps that.
  maxBatch: 100,
  maxLeaseMs: MAX_VISIBILITY_SECONDS * 1_000,
  maxWaitMs: MAX_WAIT_SECONDS * 1_000,
}

/**
 * *Semantics*: at least once. Without a key a job is a message of a standard queue: each retry is a new message, sent before the old
 * one is deleted. With a key it is a message of a FIFO queue and stays it until it is settled, so that its place is kept. What SQS
 * cannot remember, a bucket does: dead letters, dedupe keys, payloads above a message, notes of jobs that keep their place.
 *
 * *Limits*: those above, and those of SQS: 12 hours a lease, 14 days a message, 120,000 messages in flight a queue. *Names*:
 * `src/queues.ts`. *Cost*: for a job that runs once, a tenth of a send and of a delete where jobs come together, and its share of a
 * receive; the bucket is not asked.
 *
 * @throws CONFIG_INVALID | UNAUTHENTICATED | PERMISSION_DENIED | NOT_FOUND (the bucket) | UNAVAILABLE
 */
export async function openSqs(settings: Settings, { clock, log, signal }: AdapterDeps): Promise<JobDriver> {
  const store = openBucketStore(settings)
  const queues = new Queues(sqsClients(settings))
  const { prefix, offloadBytes, pollSeconds, requestTimeoutMs, bucketEndpoint } = settings
  try {
    await prove(store, queues, prefix, { signal })
    if (bucketEndpoint !== undefined && !isAmazon(bucketEndpoint)) await proveConditions(store, { signal })
  } catch (cause) {
    store.close()
    queues.close()
    throw fail('open', cause)
  }
  const [letters, notes, payloads] = [new DeadLetters(store), new Notes(store), new Payloads(store)]
  const claims = new Claims(store, clock, 2 * requestTimeoutMs)
  const sender = new Sender({ queues, payloads, claims, clock, prefix, offloadBytes })
  const deliveries = new Deliveries({ sender, notes, payloads, dead: letters, clock, log })
  const leases = new Leases(deliveries, clock)
  const later = new Later({ sender, clock, log })
  const stats = new Stats({ queues, notes, dead: letters, deliveries, clock, prefix })
  const strays = new Strays({ queues, dead: letters, payloads, clock, log, prefix })
  const dead = new DeadJobs({ letters, strays, sender, clock })
  const receiver = new Receiver({
    queues,
    deliveries,
    leases,
    later,
    clock,
    log,
    prefix,
    pollSeconds,
    seen: (name, dueAt) => stats.seen(name, dueAt),
  })
  const told = async <T>(operation: string, { signal }: DriverCall, work: () => Promise<T>): Promise<T> => {
    // One call may be many requests, and each listens.
    setMaxListeners(0, signal)
    try {
      return await work()
    } catch (cause) {
      throw fail(operation, cause)
    }
  }
  let closing: Promise<void> | undefined
  return {
    facts: { bucket: settings.bucket, prefix },
    limits: LIMITS,
    enqueue(jobs, call) {
      for (const { name, dueAt } of jobs) stats.sent(name, dueAt)
      return told('enqueue', call, () => sender.enqueue(jobs, call))
    },
    receive(options) {
      strays.look(options.names)
      return told('receive', options, () => receiver.receive(options))
    },
    settle: (lease, settlement, call) => told('settle', call, () => leases.settle(lease, settlement, call)),
    extend: (lease, leaseMs, call) => told('extend', call, () => leases.extend(lease, leaseMs, call)),
    stats: (names, call) => told('stats', call, () => stats.of(names, call)),
    listDead: (query) => told('listDead', query, () => dead.list(query)),
    redriveDead: (ids, call) => told('redriveDead', call, () => dead.redrive(ids, call)),
    discardDead: (ids, call) => told('discardDead', call, () => dead.discard(ids, call)),
    ping: (call) => told('ping', call, () => prove(store, queues, prefix, call)),
    close() {
      closing ??= (async () => {
        await receiver.close()
        await strays.close()
        queues.close()
        store.close()
      })()
      return closing
    },
  }
}

/** Asks both services for a sign of life; one that may not be asked is alive. */
async function prove(store: BucketStore, queues: Queues, prefix: string, call: DriverCall): Promise<void> {
  await Promise.all([
    store.ping(call),
    queues.names(prefix, call).catch((error: unknown) => {
      if (!PortError.is(error, 'PERMISSION_DENIED')) throw error
    }),
  ])
}

/** A VPC endpoint of S3 is S3. */
function isAmazon(endpoint: string): boolean {
  return /\.amazonaws\.com(?:\.cn)?$/.test(new URL(endpoint).hostname)
}
