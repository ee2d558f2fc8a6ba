import type { DriverJob } from '@pdvend/ports'

/** A job on its way through the queues. */
export interface Carried {
  readonly job: DriverJob
  /** The attempt that its next start is; 1 for the first. */
  readonly attempt: number
  /** Starts of this attempt that ended without a settle, as far as its earlier messages tell. */
  readonly crashes: number
}

/** A message as it is sent. */
export interface Packed {
  readonly body: string
  /** The text of the one attribute, {@link ATTRIBUTE}. */
  readonly attribute: string
  /** For how many bytes SQS counts it. */
  readonly bytes: number
  /** The payload is not in it: it has to be in the bucket first. */
  readonly offloaded: boolean
}

/** A message as it was read; `payload` is undefined where the bucket has it. */
export interface Unpacked extends Omit<Carried, 'job'> {
  readonly job: Omit<DriverJob, 'payload'>
  readonly payload: Uint8Array | undefined
}

/** The one attribute of a message that is ours. */
export const ATTRIBUTE = 'pdvend'
const ATTRIBUTE_TYPE = 'String'
const OVERHEAD_BYTES = ATTRIBUTE.length + ATTRIBUTE_TYPE.length
const IN_BUCKET = 'in the bucket'

/** How the body holds the payload. */
type Form = 'text' | 'base64' | 'bucket'

interface Header {
  readonly v: 1
  readonly id: string
  readonly name: string
  /** enqueuedAt and dueAt. */
  readonly at: number
  readonly due: number
  readonly attempt: number
  readonly crashes: number
  readonly form: Form
  readonly key?: string
  readonly dedupe?: readonly [key: string, windowMs: number]
}

/**
 * A job as a message of at most `limit` bytes, else with its payload left to the bucket. The body is the payload as it is; what
 * SQS refuses (it takes the characters of XML 1.0, and no empty body) goes as base64, so that all bytes come back as they were.
 */
export function pack({ job, attempt, crashes }: Carried, limit: number): Packed {
  const { id, name, payload, enqueuedAt, dueAt, key, dedupe } = job
  const text = sendable(payload)
  const message = (form: Form, body: string, bodyBytes: number): Packed => {
    const header: Header = {
      v: 1,
      id,
      name,
      at: enqueuedAt,
      due: dueAt,
      attempt,
      crashes,
      form,
      ...(key === undefined ? {} : { key }),
      ...(dedupe === undefined ? {} : { dedupe: [dedupe.key, dedupe.windowMs] }),
    }
    const attribute = JSON.stringify(header).replace(UNSENDABLE, escaped)
    const bytes = bodyBytes + Buffer.byteLength(attribute) + OVERHEAD_BYTES
    return { body, attribute, bytes, offloaded: form === 'bucket' }
  }
  const base64Bytes = 4 * Math.ceil(payload.byteLength / 3)
  const whole =
    text === undefined
      ? message('base64', base64Bytes > limit ? '' : base64(payload), Math.max(1, base64Bytes))
      : message('text', text, payload.byteLength)
  return whole.bytes > limit ? message('bucket', IN_BUCKET, IN_BUCKET.length) : whole
}

/** Never empty, for SQS takes no empty body: a lone `=` decodes to nothing. */
function base64(payload: Uint8Array): string {
  return Buffer.from(payload).toString('base64') || '='
}

/** What SQS says of a message beside its body. */
export interface Origin {
  readonly messageId: string
  /** The job's name by the queue that it came from. */
  readonly name: string
  readonly sentAt: number
  readonly groupId?: string | undefined
}

/** A message that is not ours is a job too, by its message id: what it holds will be found unparsable, and is kept. */
export function unpack(body: string, attribute: string | undefined, origin: Origin): Unpacked {
  const header = attribute === undefined ? undefined : parsed(attribute)
  if (header === undefined) {
    const { messageId, name, sentAt, groupId } = origin
    const job = { id: messageId, name, enqueuedAt: sentAt, dueAt: sentAt, priority: 0, ...(groupId === undefined ? {} : { key: groupId }) }
    return { job, payload: Buffer.from(body, 'utf8'), attempt: 1, crashes: 0 }
  }
  const { id, name, at, due, attempt, crashes, form, key, dedupe } = header
  return {
    job: {
      id,
      name,
      enqueuedAt: at,
      dueAt: due,
      priority: 0,
      ...(key === undefined ? {} : { key }),
      ...(dedupe === undefined ? {} : { dedupe: { key: dedupe[0], windowMs: dedupe[1] } }),
    },
    attempt,
    crashes,
    payload: form === 'bucket' ? undefined : Buffer.from(body, form === 'base64' ? 'base64' : 'utf8'),
  }
}

// oxlint-disable-next-line no-control-regex -- the characters that SQS refuses: what XML 1.0 cannot hold
const UNSENDABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text of these bytes; undefined where SQS would not take it, or not give the same bytes back. */
function sendable(payload: Uint8Array): string | undefined {
  if (payload.byteLength === 0) return undefined
  try {
    const text = strict.decode(payload)
    UNSENDABLE.lastIndex = 0
    return UNSENDABLE.test(text) ? undefined : text
  } catch {
    return undefined
  }
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

function parsed(attribute: string): Header | undefined {
  try {
    const header = JSON.parse(attribute) as Partial<Header> | null
    if (header === null || header.v !== 1) return undefined
    const { id, name, at, due, attempt, crashes, form } = header
    const texts = [id, name].every((value) => typeof value === 'string')
    const numbers = [at, due, attempt, crashes].every((value) => typeof value === 'number')
    return texts && numbers && (form === 'text' || form === 'base64' || form === 'bucket') ? (header as Header) : undefined
  } catch {
    return undefined
  }
}
