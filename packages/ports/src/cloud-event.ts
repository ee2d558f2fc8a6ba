import type { RequestContext } from './context.js'
import { PortError, shapeOf } from './errors.js'
import { decodeJson, encodeJson } from './json.js'

/** CloudEvents 1.0 in JSON: what jobs, push messages and events are on every adapter, byte for byte. */
export interface Envelope<Data = unknown> {
  readonly id: string
  /** Name of the definition, e.g. `receipt.issue`. */
  readonly type: string
  /** URI reference of the sender, e.g. `/pos/till`. */
  readonly source: string
  readonly time: Date
  /** What it is about within the source: a job's key, a device. */
  readonly subject?: string
  /** A Uint8Array where the sender gave bytes: they travel as `data_base64`. */
  readonly data: Data
  readonly context?: RequestContext
  readonly headers: Readonly<Record<string, string>>
  readonly traceparent?: string
  readonly tracestate?: string
}

/** CloudEvents extension names (lower case letters and digits) of the context's fields. */
const contextExtensions = {
  transactionId: 'pdvtransactionid',
  accountId: 'pdvaccountid',
  component: 'pdvcomponent',
  caller: 'pdvcaller',
} as const

/** What an envelope is made of; everything is said, nothing comes from the surroundings. */
export interface CloudEventInput {
  readonly id: string
  readonly type: string
  readonly source: string
  readonly time: Date
  readonly subject?: string | undefined
  readonly data: unknown
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly context?: RequestContext | undefined
  readonly trace?: { readonly traceparent?: string; readonly tracestate?: string }
}

/** Makes an envelope's bytes, in browsers too. @throws INVALID_ARGUMENT for data that JSON cannot hold */
export function encodeCloudEvent(input: CloudEventInput): Uint8Array {
  const { data, context } = input
  // JSON would leave the field out in silence; no data at all is fine.
  if (typeof data === 'function' || typeof data === 'symbol')
    throw new PortError('INVALID_ARGUMENT', { detail: `data of ${input.type} does not fit in JSON: got ${shapeOf(data)}; give plain data` })
  const headers = Object.keys(input.headers ?? {}).length > 0 ? { pdvheaders: JSON.stringify(input.headers) } : {}
  const extensions: Record<string, string> = {}
  for (const [field, name] of Object.entries(contextExtensions)) {
    const value = context?.[field as keyof RequestContext]
    if (value !== undefined) extensions[name] = value
  }
  return encodeJson(
    {
      specversion: '1.0',
      id: input.id,
      type: input.type,
      source: input.source,
      time: input.time.toISOString(),
      ...(input.subject === undefined ? {} : { subject: input.subject }),
      datacontenttype: data instanceof Uint8Array ? 'application/octet-stream' : 'application/json',
      ...input.trace,
      ...extensions,
      ...headers,
      ...(data instanceof Uint8Array ? { data_base64: toBase64(data) } : { data }),
    },
    `data of ${input.type}`,
  )
}

/** Reads an envelope's bytes. @throws INVALID_ARGUMENT when they are not a CloudEvents 1.0 JSON object */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  const raw = decodeJson(bytes, 'envelope')
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) throw broken('it is not a JSON object')
  const fields = raw as Readonly<Record<string, unknown>>
  if (fields.specversion !== '1.0') throw broken('specversion is not "1.0"')
  const text = (name: string): string | undefined => (typeof fields[name] === 'string' ? (fields[name] as string) : undefined)
  const needed = (name: string): string => {
    const value = text(name)
    if (value === undefined || value === '') throw broken(`${name} is missing`)
    return value
  }
  const time = new Date(needed('time'))
  if (Number.isNaN(time.getTime())) throw broken('time is not an RFC 3339 date')
  const context = contextOf(text)
  return {
    id: needed('id'),
    type: needed('type'),
    source: needed('source'),
    time,
    data: typeof fields.data_base64 === 'string' ? fromBase64(fields.data_base64) : fields.data,
    headers: headersOf(text('pdvheaders')),
    ...optional('subject', text('subject')),
    ...optional('traceparent', text('traceparent')),
    ...optional('tracestate', text('tracestate')),
    ...(context === undefined ? {} : { context }),
  }
}

function contextOf(text: (name: string) => string | undefined): RequestContext | undefined {
  const transactionId = text(contextExtensions.transactionId)
  if (transactionId === undefined) return undefined
  const { accountId, component, caller } = contextExtensions
  return {
    transactionId,
    ...optional('accountId', text(accountId)),
    ...optional('component', text(component)),
    ...optional('caller', text(caller)),
  }
}

function headersOf(raw: string | undefined): Readonly<Record<string, string>> {
  if (raw === undefined) return {}
  const parsed: unknown = decodeJson(new TextEncoder().encode(raw), 'envelope headers')
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw broken('pdvheaders is not a JSON object')
  return Object.fromEntries(Object.entries(parsed).map(([name, value]) => [name, String(value)]))
}

/** Bytes have no JSON form: CloudEvents carries them as base64 beside `data`. */
function toBase64(bytes: Uint8Array): string {
  let binary = ''
  for (let at = 0; at < bytes.length; at += 32_768) binary += String.fromCharCode(...bytes.subarray(at, at + 32_768))
  return btoa(binary)
}

function fromBase64(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
  } catch {
    throw broken('data_base64 is not base64')
  }
}

function optional<Name extends string>(name: Name, value: string | undefined): { [K in Name]?: string } {
  return value === undefined ? {} : ({ [name]: value } as { [K in Name]?: string })
}

function broken(why: string): PortError {
  return new PortError('INVALID_ARGUMENT', { detail: `not a CloudEvents 1.0 envelope: ${why}` })
}
