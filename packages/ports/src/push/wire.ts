import { PortError, shapeOf } from '../errors.js'
import type { DeviceOutcome } from './types.js'

/**
 * What travels between the app and its devices, the same bytes on every broker: one line of JSON (the header), a line
 * feed, and where there is a body its bytes (a CloudEvents envelope). Browser-safe: nothing here needs Node.
 */

/** Where a message stands in the journal: `previous` is the sequence before it in its stream, so that a gap shows. */
export interface JournalPlace {
  /** The journal's identity: cursors of another journal mean nothing here. */
  readonly journal: string
  readonly stream: string
  readonly sequence: number
  readonly previous: number
}

/** Sequence up to which a device has each stream. */
export type Cursors = Readonly<Record<string, number>>

/** App to device. `sentAt` is the sender's clock in milliseconds, so that a device with a wrong clock keeps ttls right. */
export type DownFrame =
  | {
      readonly kind: 'message'
      readonly id: string
      readonly place?: JournalPlace
      /** Absent on messages that are worth handling only now. */
      readonly expiresAt: number
      readonly sentAt: number
      /** Instance that waits for receipts. */
      readonly receiptTo?: string
      /** Part of the answer to this `sync`, the how manieth from 0: an answer with a hole is no answer. */
      readonly sync?: string
      readonly part?: number
      readonly body: Uint8Array
    }
  | {
      readonly kind: 'request'
      readonly id: string
      readonly replyTo: string
      readonly expiresAt: number
      readonly sentAt: number
      readonly body: Uint8Array
    }
  | {
      readonly kind: 'synced'
      readonly sync: string
      readonly journal: string
      /** How many parts came before this. */
      readonly parts: number
      readonly cursors: Cursors
      /** Ask again once these are handled. */
      readonly more: boolean
      /** Streams whose history no longer reaches back to the device's cursor. */
      readonly lost: readonly string[]
      readonly sentAt: number
    }
  | { readonly kind: 'heads'; readonly journal: string; readonly heads: Cursors; readonly sentAt: number }
  /** The device's grants have changed: fetch a new connection. */
  | { readonly kind: 'renew'; readonly sentAt: number }
  /** Another client has connected as this device. `client`: meant for this one alone, by the name that it announced. */
  | { readonly kind: 'takenOver'; readonly client?: string; readonly sentAt: number }
  /** Whoever announces its presence does so again. */
  | { readonly kind: 'rollCall'; readonly sentAt: number }
  /** What became of a message that the device sent. */
  | {
      readonly kind: 'settled'
      readonly id: string
      readonly outcome: 'handled' | 'retry' | 'refused'
      readonly error?: string
      readonly sentAt: number
    }

/** Device to app. */
export type UpFrame =
  | { readonly kind: 'sync'; readonly sync: string; readonly journal?: string; readonly cursors: Cursors }
  | { readonly kind: 'ack'; readonly journal: string; readonly cursors: Cursors; readonly outcomes: readonly WireOutcome[] }
  | { readonly kind: 'receipt'; readonly id: string; readonly state: DeviceOutcome; readonly error?: string }
  | { readonly kind: 'answer'; readonly id: string; readonly error?: AnswerError; readonly body?: Uint8Array }
  | { readonly kind: 'message'; readonly id: string; readonly expiresAt: number; readonly body: Uint8Array }

/** What became of a message that is not simply handled. */
export interface WireOutcome {
  readonly id: string
  readonly state: 'failed' | 'expired'
  readonly error?: string
}

/** `unhandled`: the device has no handler for the method; `failed`: the handler threw; `invalid`: it refused the body. */
export interface AnswerError {
  readonly reason: 'unhandled' | 'failed' | 'invalid'
  readonly message: string
}

export type Frame = DownFrame | UpFrame

/** Longest error text that travels, in characters. */
export const MAX_ERROR_TEXT = 500
/** Most bytes that a header needs beside its body, with all names at their longest. */
export const MAX_HEADER_BYTES = 1_024

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })
const LINE_FEED = 10

/** Makes a frame's bytes. */
export function encodeFrame(frame: Frame): Uint8Array {
  const { body, ...header } = frame as Frame & { readonly body?: Uint8Array }
  const head = encoder.encode(JSON.stringify(header))
  if (body === undefined) return head
  const bytes = new Uint8Array(head.byteLength + 1 + body.byteLength)
  bytes.set(head)
  bytes[head.byteLength] = LINE_FEED
  bytes.set(body, head.byteLength + 1)
  return bytes
}

/** Reads what the app sent. @throws INVALID_ARGUMENT for anything else */
export function decodeDown(bytes: Uint8Array): DownFrame {
  return decode(bytes, DOWN) as unknown as DownFrame
}

/** Reads what a device sent; every field is checked, for a device may be hostile. @throws INVALID_ARGUMENT for anything else */
export function decodeUp(bytes: Uint8Array): UpFrame {
  return decode(bytes, UP) as unknown as UpFrame
}

type Check = (value: unknown) => boolean
type Shape = Readonly<Record<string, Check>>

/** A name: what a hostile device sends ends up in databases, so no control character and no half of a surrogate pair. */
const text: Check = (value) => typeof value === 'string' && value.length <= 200 && value.isWellFormed() && /^\P{Cc}+$/u.test(value)
const words: Check = (value) => typeof value === 'string' && value.length <= MAX_ERROR_TEXT
const whole: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0
const time: Check = (value) => typeof value === 'number' && Number.isFinite(value)
const flag: Check = (value) => typeof value === 'boolean'
const bytesCheck: Check = (value) => value instanceof Uint8Array
const cursors: Check = (value) => isObject(value) && Object.entries(value).every(([stream, at]) => text(stream) && whole(at))
const texts: Check = (value) => Array.isArray(value) && value.every(text)
const oneOf =
  (...values: readonly string[]): Check =>
  (value) =>
    typeof value === 'string' && values.includes(value)
const maybe =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value)
const place: Check = (value) =>
  isObject(value) && text(value.journal) && text(value.stream) && whole(value.sequence) && whole(value.previous)
const outcome: Check = (value) => isObject(value) && text(value.id) && oneOf('failed', 'expired')(value.state) && maybe(words)(value.error)
const answerError: Check = (value) => isObject(value) && oneOf('unhandled', 'failed', 'invalid')(value.reason) && words(value.message)

const DOWN: Readonly<Record<string, Shape>> = {
  message: {
    id: text,
    place: maybe(place),
    expiresAt: time,
    sentAt: time,
    receiptTo: maybe(text),
    sync: maybe(text),
    part: maybe(whole),
    body: bytesCheck,
  },
  request: { id: text, replyTo: text, expiresAt: time, sentAt: time, body: bytesCheck },
  synced: { sync: text, journal: text, parts: whole, cursors, more: flag, lost: texts, sentAt: time },
  heads: { journal: text, heads: cursors, sentAt: time },
  renew: { sentAt: time },
  takenOver: { client: maybe(text), sentAt: time },
  rollCall: { sentAt: time },
  settled: { id: text, outcome: oneOf('handled', 'retry', 'refused'), error: maybe(words), sentAt: time },
}

const UP: Readonly<Record<string, Shape>> = {
  sync: { sync: text, journal: maybe(text), cursors },
  ack: { journal: text, cursors, outcomes: (value) => Array.isArray(value) && value.every(outcome) },
  receipt: { id: text, state: oneOf('received', 'handled', 'failed', 'expired'), error: maybe(words) },
  answer: { id: text, error: maybe(answerError), body: maybe(bytesCheck) },
  message: { id: text, expiresAt: time, body: bytesCheck },
}

function decode(bytes: Uint8Array, shapes: Readonly<Record<string, Shape>>): Readonly<Record<string, unknown>> {
  const end = bytes.indexOf(LINE_FEED)
  const header = parse(end < 0 ? bytes : bytes.subarray(0, end))
  const kind = header.kind
  const shape = typeof kind === 'string' && Object.hasOwn(shapes, kind) ? shapes[kind] : undefined
  if (shape === undefined) throw broken(`its kind is ${shapeOf(kind)}`)
  const fields: Record<string, unknown> = { kind }
  for (const [name, check] of Object.entries(shape)) {
    const value = name === 'body' ? (end < 0 ? undefined : bytes.subarray(end + 1)) : Object.hasOwn(header, name) ? header[name] : undefined
    if (!check(value)) throw broken(`${name} of a ${String(kind)} frame is ${shapeOf(value)}`)
    if (value !== undefined) fields[name] = value
  }
  return fields
}

function parse(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let header: unknown
  try {
    header = JSON.parse(decoder.decode(bytes))
  } catch (cause) {
    throw broken('its header is not JSON', cause)
  }
  if (!isObject(header)) throw broken('its header is not an object')
  return header
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function broken(why: string, cause?: unknown): PortError {
  return new PortError('INVALID_ARGUMENT', { detail: `not a push frame: ${why}`, ...(cause === undefined ? {} : { cause }) })
}

/** An error's text as it may travel. */
export function errorText(error: unknown): string {
  return (error instanceof Error ? `${error.name}: ${error.message}` : shapeOf(error)).slice(0, MAX_ERROR_TEXT)
}

export { type Announcement, ConnectionVersions, decodeAnnouncement, encodeAnnouncement, lastVersion } from './announcement.js'
export { orAborted } from '../abort.js'
export { type Clock, type ClockTimer, sleep, systemClock } from '../clock.js'
export { decodeEnvelope, encodeCloudEvent, type Envelope } from '../cloud-event.js'
export type { MessageDefinition } from '../define.js'
export { PortError } from '../errors.js'
export { newId } from '../id.js'
export { backoffMs, type RetryPolicy } from '../retry.js'
export { type InputOf, type OutputOf, type StandardSchema, validate } from '../schema.js'
export type { DeviceConnection, DeviceOutcome } from './types.js'
