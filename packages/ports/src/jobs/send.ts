import type { Calls, CallSpec } from '../calls.js'
import { PortError } from '../errors.js'
import type { DriverJob, JobDriver } from './driver.js'
import type { PreparedJob } from './enqueue.js'
import type { EnqueueOutcome } from './types.js'

export interface SendWith {
  readonly driver: JobDriver
  readonly calls: Calls
  readonly seal: (job: PreparedJob) => DriverJob
  readonly spec: CallSpec
}

/**
 * Sends jobs in batches that the engine takes [Q9], one outcome a job. What failed in a way that may pass is tried again,
 * alone: what is in is not sent twice. A lost reply is only repeated for jobs whose dedupe key makes that harmless.
 */
export async function sendAll(
  prepared: readonly PreparedJob[],
  { driver, calls, seal, spec }: SendWith,
): Promise<readonly EnqueueOutcome[]> {
  const outcomes: (EnqueueOutcome | undefined)[] = prepared.map(() => undefined)
  if (prepared.length === 0) return []
  const sealed = new Map<number, DriverJob>()
  const open = new Set<number>()

  const sealAll = (): void => {
    for (const [at, job] of prepared.entries()) {
      try {
        sealed.set(at, seal(job))
        open.add(at)
      } catch (error) {
        outcomes[at] = { error: placed(error, calls, spec) }
      }
    }
  }

  try {
    await calls.run(
      { ...spec, repeat: () => ([...open].every((at) => prepared[at]!.job.dedupe !== undefined) ? 'safe' : 'guarded') },
      async (call) => {
        if (sealed.size === 0) sealAll()
        let failure: PortError | undefined
        for (const batch of batches([...open], sealed, driver)) {
          const answers = await driver.enqueue(
            batch.map((at) => sealed.get(at)!),
            call,
          )
          for (const [index, at] of batch.entries()) {
            const answer = answers[index]
            if (answer === undefined)
              throw new PortError('INTERNAL', { detail: `the driver gave ${answers.length} outcomes for ${batch.length} jobs` })
            const error = 'error' in answer ? placed(answer.error, calls, spec) : undefined
            outcomes[at] = error === undefined ? (answer as EnqueueOutcome) : { error }
            if (error?.retryable === true && error.outcome === 'not-applied') failure ??= error
            else open.delete(at)
          }
        }
        if (failure !== undefined) throw failure
      },
    )
  } catch (error) {
    if (open.size === 0) throw error
    const failure = placed(error, calls, spec)
    for (const at of open) if (outcomes[at] === undefined || failure.outcome === 'unknown') outcomes[at] = { error: failure }
  }
  return outcomes as EnqueueOutcome[]
}

function* batches(open: readonly number[], sealed: ReadonlyMap<number, DriverJob>, { limits }: JobDriver): Generator<readonly number[]> {
  const maxBytes = limits.maxBatchBytes ?? Number.POSITIVE_INFINITY
  let batch: number[] = []
  let bytes = 0
  for (const at of open) {
    const size = sealed.get(at)!.payload.byteLength
    if (batch.length > 0 && (batch.length >= limits.maxBatch || bytes + size > maxBytes)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(at)
    bytes += size
  }
  if (batch.length > 0) yield batch
}

function placed(error: unknown, calls: Calls, { operation }: CallSpec): PortError {
  const place = { adapter: calls.adapter, operation }
  return PortError.is(error) ? error.with(place) : new PortError('INTERNAL', { ...place, cause: error })
}
