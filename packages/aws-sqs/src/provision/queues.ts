import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type QueueAttributeName,
  SetQueueAttributesCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs'
import type { ProvisionStep } from '@pdvend/ports'
import { MAX_MESSAGE_BYTES, MAX_RETENTION_MS } from '../limits.js'
import { queueName, type QueueRole } from '../queues.js'

/** The most that SQS takes: a receive is no attempt, and what is not settled by a worker should not die of being received. */
const MAX_RECEIVES = 1_000

type Attributes = Partial<Record<QueueAttributeName, string>>

/** A step and what carries it out. */
export interface Task {
  readonly step: ProvisionStep
  apply?(): Promise<void>
}

/** A queue as it is. */
interface Found {
  readonly url: string
  readonly attributes: Attributes
}

const BASE: Attributes = {
  MessageRetentionPeriod: String(MAX_RETENTION_MS / 1_000),
  MaximumMessageSize: String(MAX_MESSAGE_BYTES),
}
/** High throughput: deduplication and quota are those of a key. */
const FIFO: Attributes = { FifoQueue: 'true', DeduplicationScope: 'messageGroup', FifoThroughputLimit: 'perMessageGroupId' }

/** Of these more is as good. */
const AT_LEAST: ReadonlySet<string> = new Set(['MessageRetentionPeriod', 'MaximumMessageSize'])

/**
 * The queues of one job, dead-letter queues first, for a redrive policy names one that is there. Encryption, policies and whatever
 * else a queue has are left alone; a new one has what SQS gives by default, which is SSE-SQS.
 */
export async function queueTasks(
  sqs: SQSClient,
  prefix: string,
  { name, keyed }: { readonly name: string; readonly keyed: boolean },
  abortSignal: AbortSignal,
): Promise<readonly Task[]> {
  const plan = async (role: QueueRole, fixed: Attributes, dead?: QueueRole): Promise<Task> => {
    const queue = queueName(prefix, name, role)
    const deadQueue = dead === undefined ? undefined : queueName(prefix, name, dead)
    return queueTask({ sqs, abortSignal, queue, fixed: { ...BASE, ...fixed }, deadQueue })
  }
  return [
    await plan('dead', {}),
    await plan('jobs', { DelaySeconds: '0' }, 'dead'),
    await plan('later', { DelaySeconds: '0' }, 'dead'),
    ...(keyed ? [await plan('keyedDead', FIFO), await plan('keyed', { ...FIFO, DelaySeconds: '0' }, 'keyedDead')] : []),
  ]
}

interface Wanted {
  readonly sqs: SQSClient
  readonly abortSignal: AbortSignal
  readonly queue: string
  readonly fixed: Attributes
  readonly deadQueue: string | undefined
}

async function queueTask({ sqs, abortSignal, queue, fixed, deadQueue }: Wanted): Promise<Task> {
  const of = { kind: 'queue', name: queue } as const
  const found = await look(sqs, queue, abortSignal)
  /** Known only once the dead-letter queue is there, which an earlier task sees to. */
  const redrive = async (): Promise<Attributes> => {
    if (deadQueue === undefined) return {}
    const dead = await look(sqs, deadQueue, abortSignal)
    return {
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: dead?.attributes.QueueArn, maxReceiveCount: MAX_RECEIVES }),
    }
  }
  const detail = [
    fixed.FifoQueue === undefined ? 'standard' : 'FIFO',
    'kept 14 days',
    ...(deadQueue === undefined ? [] : [`to ${deadQueue} after ${MAX_RECEIVES} receives`]),
  ].join(', ')
  if (found === undefined)
    return {
      step: { ...of, change: 'create', detail },
      async apply() {
        const command = new CreateQueueCommand({ QueueName: queue, Attributes: { ...fixed, ...(await redrive()) } })
        await sqs.send(command, { abortSignal })
      },
    }
  const elsewhere = otherTarget(found.attributes.RedrivePolicy, deadQueue)
  if (elsewhere !== undefined)
    return {
      step: {
        ...of,
        change: 'refuse',
        detail: `its redrive policy sends jobs to ${elsewhere}, where no dead letter is looked for: take the policy away, or choose another PDVEND_JOBS_PREFIX`,
      },
    }
  const off = Object.entries(fixed).filter(
    ([attribute, value]) => !fits(attribute, found.attributes[attribute as QueueAttributeName], value),
  )
  const changes = off.map(([attribute, value]) => `${attribute} from ${found.attributes[attribute as QueueAttributeName]} to ${value}`)
  const receives = maxReceives(found.attributes.RedrivePolicy)
  const redriveOff = deadQueue !== undefined && receives !== MAX_RECEIVES
  if (redriveOff) changes.push(`to ${deadQueue} after ${MAX_RECEIVES} receives${receives === undefined ? '' : ` in place of ${receives}`}`)
  if (changes.length === 0) return { step: { ...of, change: 'keep' } }
  return {
    step: { ...of, change: 'update', detail: changes.join(', ') },
    async apply() {
      const { FifoQueue: _, ...settable } = Object.fromEntries(off) as Attributes
      const Attributes = { ...settable, ...(redriveOff ? await redrive() : {}) }
      await sqs.send(new SetQueueAttributesCommand({ QueueUrl: found.url, Attributes }), { abortSignal })
    },
  }
}

async function look(sqs: SQSClient, queue: string, abortSignal: AbortSignal): Promise<Found | undefined> {
  try {
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: queue }), { abortSignal })
    const command = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] })
    return { url: QueueUrl!, attributes: (await sqs.send(command, { abortSignal })).Attributes ?? {} }
  } catch (cause) {
    // An emulator answers in the words of the earlier protocol.
    if (['QueueDoesNotExist', 'AWS.SimpleQueueService.NonExistentQueue'].includes((cause as Error).name)) return undefined
    throw cause
  }
}

/** SQS tells every attribute of a queue: what is not told is one that another service does not have. */
function fits(attribute: string, has: string | undefined, wanted: string): boolean {
  return has === undefined || has === wanted || (AT_LEAST.has(attribute) && Number(has) >= Number(wanted))
}

function policyOf(text: string | undefined): { readonly deadLetterTargetArn?: string; readonly maxReceiveCount?: number | string } {
  return text === undefined || text === '' ? {} : (JSON.parse(text) as ReturnType<typeof policyOf>)
}

function maxReceives(text: string | undefined): number | undefined {
  const { maxReceiveCount } = policyOf(text)
  return maxReceiveCount === undefined ? undefined : Number(maxReceiveCount)
}

/** The dead-letter queue that it has and should not have. */
function otherTarget(text: string | undefined, deadQueue: string | undefined): string | undefined {
  const target = policyOf(text).deadLetterTargetArn?.split(':').at(-1)
  return target === deadQueue ? undefined : target
}
