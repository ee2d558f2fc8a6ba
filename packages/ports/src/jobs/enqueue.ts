import type { JobDefinition } from '../define.js'
import { encodeEnvelope } from '../envelope.js'
import { invalid, PortError } from '../errors.js'
import { newId } from '../id.js'
import { decodeJson, encodeJson } from '../json.js'
import { type InputOf, type StandardSchema, validate } from '../schema.js'
import type { JobCapabilities, JobLimits, DriverJob } from './driver.js'
import type { EnqueueOptions } from './types.js'
import { checkedDelayMs, MAX_DELAY_MS } from './verdict.js'

/** One item of `enqueueMany`: a job, its input, and the options of `enqueue`. */
export interface EnqueueItem<S extends StandardSchema = StandardSchema> extends EnqueueOptions {
  readonly job: JobDefinition<S>
  readonly input: InputOf<S>
}

/** A job that has passed every check and waits only for its envelope. */
export interface PreparedJob {
  readonly job: Omit<DriverJob, 'payload'>
  readonly data: unknown
  readonly headers: Readonly<Record<string, string>>
}

export interface PrepareWith {
  readonly now: number
  /** Refuses what the adapter has not got. */
  needs(capability: keyof JobCapabilities): void
}

const MAX_KEY = 128
const MAX_HEADERS = 64
const MAX_HEADER_NAME = 128
const MAX_HEADER_BYTES = 16 * 1_024
const DEFAULT_WINDOW_MS = 300_000
const MAX_WINDOW_MS = 7 * 86_400_000

/**
 * Checks a job before anything is sent: options, capabilities, input [Q81]. The input is taken as it is now, in the form
 * that JSON will give back to the handler, and validated in that form: what passes here also passes there.
 * @throws INVALID_ARGUMENT naming the field | UNSUPPORTED
 */
export async function prepare<S extends StandardSchema>(
  job: JobDefinition<S>,
  input: InputOf<S>,
  options: EnqueueOptions,
  { now, needs }: PrepareWith,
): Promise<PreparedJob> {
  if (typeof job !== 'object' || job === null || typeof job.name !== 'string' || typeof job.input?.['~standard']?.validate !== 'function')
    throw invalid('job', job, 'give what defineJob(name, { input }) returned')
  const dueAt = dueTime(options, now)
  if (dueAt > now) needs('delay')
  const priority = checkedPriority(options.priority)
  if (priority !== 0) needs('priority')
  const dedupe = checkedDedupe(options)
  if (dedupe !== undefined) needs('dedupe')
  const headers = checkedHeaders(options.headers)
  if (options.key !== undefined) checkedKey('key', options.key)
  if (options.key !== undefined || job.key !== undefined) needs('fifo')

  const data = decodeJson(encodeJson(input, `input of job ${job.name}`), `input of job ${job.name}`)
  const output = await validate(job.input, data, `input of job ${job.name}`)
  const key = options.key ?? (job.key === undefined ? undefined : checkedKey('key', keyOf(job, output)))
  const id = newId(now)
  return {
    job: {
      id,
      name: job.name,
      dueAt,
      enqueuedAt: now,
      priority,
      ...(key === undefined ? {} : { key }),
      ...(dedupe === undefined ? {} : { dedupe }),
    },
    data,
    headers,
  }
}

/** The job as the driver stores it; made within the enqueue span, whose trace the envelope carries. @throws TOO_LARGE [Q13] */
export function seal({ job, data, headers }: PreparedJob, limits: JobLimits, source?: string): DriverJob {
  const payload = encodeEnvelope({
    id: job.id,
    type: job.name,
    time: new Date(job.enqueuedAt),
    data,
    headers,
    ...(job.key === undefined ? {} : { subject: job.key }),
    ...(source === undefined ? {} : { source }),
  })
  if (payload.byteLength > limits.maxPayloadBytes)
    throw new PortError('TOO_LARGE', {
      target: job.name,
      detail: `the job with its envelope is ${payload.byteLength} bytes, the engine takes ${limits.maxPayloadBytes}: store the bulk as a blob and send its key`,
    })
  return { ...job, payload }
}

function keyOf<S extends StandardSchema>(job: JobDefinition<S>, output: unknown): unknown {
  try {
    return job.key?.(output as never)
  } catch (cause) {
    throw new PortError('INVALID_ARGUMENT', { detail: `key of job ${job.name}: its function threw`, cause })
  }
}

function dueTime({ delayMs, runAt }: EnqueueOptions, now: number): number {
  if (delayMs !== undefined && runAt !== undefined) throw invalid('runAt', runAt, 'give delayMs or runAt, not both')
  if (delayMs !== undefined) return now + checkedDelayMs('delayMs', delayMs)
  if (runAt === undefined) return now
  const time = runAt instanceof Date ? runAt.getTime() : Number.NaN
  if (!(time - now <= MAX_DELAY_MS)) throw invalid('runAt', runAt, 'give a valid Date at most ten years ahead')
  return Math.max(now, time)
}

function checkedPriority(priority: unknown): number {
  if (priority === undefined) return 0
  if (typeof priority === 'number' && Number.isInteger(priority) && priority >= -100 && priority <= 100) return priority
  throw invalid('priority', priority, 'give a whole number from -100 to 100')
}

/** No control characters: not every engine can store them. */
// oxlint-disable-next-line no-control-regex -- control characters are what must not pass
const CONTROL = /[\u0000-\u001f\u007f]/

function checkedKey(field: string, key: unknown): string {
  if (typeof key === 'string' && key.length >= 1 && key.length <= MAX_KEY && !CONTROL.test(key) && key.isWellFormed()) return key
  throw invalid(field, key, `give 1 to ${MAX_KEY} characters of well-formed text without control characters`)
}

function checkedDedupe({ dedupeKey, dedupeWindowMs }: EnqueueOptions): DriverJob['dedupe'] {
  if (dedupeKey === undefined) {
    if (dedupeWindowMs !== undefined) throw invalid('dedupeWindowMs', dedupeWindowMs, 'give dedupeKey with it')
    return undefined
  }
  const windowMs = dedupeWindowMs ?? DEFAULT_WINDOW_MS
  if (!(typeof windowMs === 'number' && windowMs >= 1 && windowMs <= MAX_WINDOW_MS))
    throw invalid('dedupeWindowMs', windowMs, `give milliseconds from 1 to ${MAX_WINDOW_MS} (7 days)`)
  return { key: checkedKey('dedupeKey', dedupeKey), windowMs }
}

function checkedHeaders(headers: unknown): Readonly<Record<string, string>> {
  if (headers === undefined) return {}
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers))
    throw invalid('headers', headers, 'give an object of texts')
  const entries = Object.entries(headers)
  if (entries.length > MAX_HEADERS) throw invalid('headers', headers, `give at most ${MAX_HEADERS}, not ${entries.length}`)
  let size = 0
  for (const [name, value] of entries) {
    if (name.length < 1 || name.length > MAX_HEADER_NAME || CONTROL.test(name) || !name.isWellFormed())
      throw invalid('headers', name, `a name has 1 to ${MAX_HEADER_NAME} characters of well-formed text without control characters`)
    if (typeof value !== 'string' || !value.isWellFormed())
      throw invalid(`headers[${JSON.stringify(name)}]`, value, 'give well-formed text')
    size += Buffer.byteLength(name) + Buffer.byteLength(value)
  }
  if (size > MAX_HEADER_BYTES)
    throw new PortError('TOO_LARGE', { detail: `headers are ${size} bytes, at most ${MAX_HEADER_BYTES}: put the bulk into the input` })
  return Object.fromEntries(entries) as Record<string, string>
}
