import { DescribeDeliveryStreamCommand, type FirehoseClient, PutRecordBatchCommand } from '@aws-sdk/client-firehose'
import {
  type AdapterDeps,
  type DriverCall,
  type DriverEvent,
  type EventOutcome,
  PortError,
  type TelemetryDriver,
  type TelemetryLimits,
} from '@pdvend/ports'
import { firehoseClient } from './client.js'
import { pack } from './codec.js'
import type { Settings } from './config.js'
import { fail } from './errors.js'
import { MAX_CALL_BYTES, MAX_RECORD_BYTES, MAX_RECORDS } from './limits.js'
import { toAllow } from './permissions.js'

/**
 * *Semantics*: at least once, no order; one record holds many events, and all of a record are taken or none. *Limits*: a call
 * takes 500 records and 4 MiB; a record 1,000 KiB. *Cost*: one PutRecordBatch a batch; each record is billed in steps of 5 KB,
 * so that about `PDVEND_TELEMETRY_RECORD_BYTES` / 2,500 times less is wasted than with one event a record.
 */
const LIMITS: TelemetryLimits = {
  // Events of one byte could not fill the records of a call; the bound is what one answer may have to tell.
  maxBatchEvents: 10_000,
  maxBatchBytes: MAX_CALL_BYTES,
  maxEventBytes: MAX_RECORD_BYTES - 1,
  perEventBytes: 1,
}

/** @throws NOT_FOUND without the stream | UNAUTHENTICATED | CONFIG_INVALID | UNAVAILABLE */
export async function openFirehose(settings: Settings, { log, signal }: AdapterDeps): Promise<TelemetryDriver> {
  const client = firehoseClient(settings)
  try {
    const state = await stateOf(client, settings, signal)
    if (state === undefined)
      log.info({ adapter: 'aws-firehose', stream: settings.stream }, 'no right to describe the stream: taken on trust')
    return new FirehoseTelemetry(client, settings, state)
  } catch (cause) {
    client.destroy()
    throw fail('open', cause, settings.stream)
  }
}

class FirehoseTelemetry implements TelemetryDriver {
  readonly limits = LIMITS
  readonly facts: Readonly<Record<string, string>>

  constructor(
    private readonly client: FirehoseClient,
    private readonly settings: Settings,
    state: string | undefined,
  ) {
    this.facts = { stream: settings.stream, state: state ?? 'unknown: no right to firehose:DescribeDeliveryStream' }
  }

  async send(batch: readonly DriverEvent[], { signal }: DriverCall): Promise<readonly EventOutcome[]> {
    const { stream, recordBytes } = this.settings
    const outcomes: EventOutcome[] = []
    const records = pack(batch, recordBytes)
    // Only events of nearly the record's own size can make more of them than one call takes.
    for (let from = 0; from < records.length; from += MAX_RECORDS) {
      const some = records.slice(from, from + MAX_RECORDS)
      const command = new PutRecordBatchCommand({ DeliveryStreamName: stream, Records: some.map(({ data }) => ({ Data: data })) })
      try {
        const { RequestResponses: answers = [] } = await this.client.send(command, { abortSignal: signal })
        some.forEach(({ count }, index) => outcomes.push(...Array.from({ length: count }, () => outcomeOf(answers[index]))))
      } catch (cause) {
        const failure = fail('send', cause, stream)
        const error =
          failure.code === 'PERMISSION_DENIED' ? failure.with({ detail: toAllow('firehose:PutRecordBatch', this.settings) }) : failure
        // What earlier calls told must not be lost: what was not told is sent again.
        if (outcomes.length === 0) throw error
        outcomes.push(...batch.slice(outcomes.length).map(() => ({ status: 'retry', error }) as const))
        break
      }
    }
    return outcomes
  }

  async ping({ signal }: DriverCall): Promise<void> {
    await stateOf(this.client, this.settings, signal).catch((cause: unknown) => {
      throw fail('ping', cause, this.settings.stream)
    })
  }

  async close(): Promise<void> {
    this.client.destroy()
  }
}

/** Its answer is per record; one that says nothing of a record is taken for a failure: an event twice is better than none. */
function outcomeOf(
  answer: { RecordId?: string | undefined; ErrorCode?: string | undefined; ErrorMessage?: string | undefined } | undefined,
): EventOutcome {
  if (answer?.RecordId !== undefined && answer.ErrorCode === undefined) return { status: 'accepted' }
  const name = answer?.ErrorCode ?? 'InternalFailure'
  const error = fail('send', Object.assign(new Error(answer?.ErrorMessage ?? 'the record has no outcome'), { name }))
  return { status: error.code === 'INVALID_ARGUMENT' || error.code === 'TOO_LARGE' ? 'reject' : 'retry', error }
}

/** Its state, e.g. `ACTIVE`; undefined where the key may not ask. @throws NOT_FOUND | UNAVAILABLE while it is no stream to write to */
async function stateOf(client: FirehoseClient, { stream, account }: Settings, signal: AbortSignal): Promise<string | undefined> {
  try {
    const { DeliveryStreamDescription: found } = await client.send(new DescribeDeliveryStreamCommand({ DeliveryStreamName: stream }), {
      abortSignal: signal,
    })
    const { DeliveryStreamStatus: state, DeliveryStreamType: type, DeliveryStreamARN: name = '' } = found ?? {}
    const owner = name.split(':')[4]
    if (account !== undefined && owner !== account)
      throw new PortError('CONFIG_INVALID', {
        detail: `the stream is in account ${owner}, not in ${account} as PDVEND_TELEMETRY_ACCOUNT says: use credentials of that account`,
      })
    if (type !== undefined && type !== 'DirectPut')
      throw new PortError('CONFIG_INVALID', { detail: `PDVEND_TELEMETRY_STREAM reads from ${type}: it must be of type DirectPut` })
    if (state !== 'ACTIVE')
      throw new PortError('UNAVAILABLE', { detail: `the stream that PDVEND_TELEMETRY_STREAM names is ${state ?? 'in no state'}` })
    return state
  } catch (cause) {
    if ((cause as { name?: unknown }).name === 'AccessDeniedException') return undefined
    throw cause
  }
}
