import type { RequestContext } from '../context.js'
import { shapeOf } from '../errors.js'
import { traceContext } from '../observe.js'

/** Deepest nesting of an event's data. */
const MAX_DEPTH = 100

/**
 * Why `value` would not come back from JSON as it is, or undefined when it would: JSON itself says nothing about NaN
 * (null), a Map (an empty object) or a function (left out). A Date is fine: it is stored in ISO 8601. [T1]
 */
export function unfit(value: unknown): string | undefined {
  try {
    const why = unfitAt(value, 'data', 0)
    return why === undefined || /^data[ […]/.test(why) ? why : `data: ${why}`
  } catch (error) {
    return `data threw when it was read: ${error instanceof Error ? error.message : shapeOf(error)}`
  }
}

function unfitAt(value: unknown, path: string, depth: number): string | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined
    case 'undefined':
      return depth === 0 ? `${path} is undefined; give a value that JSON can hold` : undefined
    case 'number':
      return Number.isFinite(value) ? undefined : `${path} is ${value}; JSON has finite numbers only`
    case 'object':
      return value === null ? undefined : unfitObject(value, path, depth)
    default:
      return `${path} is ${shapeOf(value)}; give a value that JSON can hold`
  }
}

function unfitObject(value: object, path: string, depth: number): string | undefined {
  if (depth > MAX_DEPTH) return `${path.slice(0, 64)}… is nested deeper than ${MAX_DEPTH} levels, or a cycle`
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const item: unknown = value[index]
      const why = item === undefined ? `${path}[${index}] is undefined; JSON would make it null` : unfitAt(item, path, depth + 1)
      if (why !== undefined) return why
    }
    return undefined
  }
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? `${path} is an invalid Date` : undefined
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null && lossy(value))
    return `${path} is ${shapeOf(value)}; give plain objects, arrays, text and numbers`
  for (const name in value) {
    const why = unfitAt((value as Record<string, unknown>)[name], name, depth + 1)
    if (why !== undefined) return why
  }
  return undefined
}

/** JSON makes `{}` or a table of numbers of these. */
function lossy(value: object): boolean {
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return false
  return (
    value instanceof Map ||
    value instanceof Set ||
    value instanceof WeakMap ||
    value instanceof Promise ||
    value instanceof RegExp ||
    value instanceof Error ||
    ArrayBuffer.isView(value) ||
    value instanceof ArrayBuffer
  )
}

export interface EventFields {
  readonly id: string
  readonly type: string
  readonly source: string
  readonly at: number
  readonly key: string | undefined
  readonly context: Partial<RequestContext> | undefined
}

let isoOfMs = -1
let iso = ''

/**
 * The envelope's text: the same bytes as `encodeEnvelope` gives, without its intermediate objects, because `emit` pays for
 * it on every event. `data` is JSON already.
 */
export function envelopeText({ id, type, source, at, key, context }: EventFields, data: string): string {
  if (at !== isoOfMs) {
    iso = new Date(at).toISOString()
    isoOfMs = at
  }
  let text = `{"specversion":"1.0","id":${JSON.stringify(id)},"type":"${type}","source":${JSON.stringify(source)},"time":"${iso}"`
  if (key !== undefined) text += `,"subject":${JSON.stringify(key)}`
  text += ',"datacontenttype":"application/json"'
  const { traceparent, tracestate } = traceContext()
  if (traceparent !== undefined) text += `,"traceparent":${JSON.stringify(traceparent)}`
  if (tracestate !== undefined) text += `,"tracestate":${JSON.stringify(tracestate)}`
  if (context !== undefined) {
    const { transactionId, accountId, component, caller } = context
    if (transactionId !== undefined) text += `,"pdvtransactionid":${JSON.stringify(transactionId)}`
    if (accountId !== undefined) text += `,"pdvaccountid":${JSON.stringify(accountId)}`
    if (component !== undefined) text += `,"pdvcomponent":${JSON.stringify(component)}`
    if (caller !== undefined) text += `,"pdvcaller":${JSON.stringify(caller)}`
  }
  return `${text},"data":${data}}`
}

/** The bytes that `text` takes in UTF-8. */
export const utf8Bytes: (text: string) => number = (text) => Buffer.byteLength(text)
