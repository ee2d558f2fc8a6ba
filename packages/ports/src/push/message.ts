import type { MessageDefinition } from '../define.js'
import { encodeEnvelope } from '../envelope.js'
import { invalid, PortError, type PortErrorDetails } from '../errors.js'
import { newId } from '../id.js'
import { validate } from '../schema.js'
import type { PushLimits } from './driver.js'
import type { JournalEntry } from './journal.js'
import { checkedTarget, streamOf } from './names.js'
import type { PublishOptions } from './options.js'
import type { Target } from './types.js'
import { MAX_HEADER_BYTES } from './wire.js'

/** Default worth of a message: one day. */
const DEFAULT_TTL_MS = 86_400_000
/** Longest ttl: a year and a day. */
export const MAX_TTL_MS = 366 * 86_400_000
/** What a message with ttl 0 has for its way, in milliseconds. */
const NOW_OR_NEVER_MS = 5_000
const ID = /^[\x21-\x7e]{1,128}$/
const REPLACE_KEY = /^[^\p{Cc}]{1,128}$/u

/** A message that passed every check; nothing has left yet. */
export interface Prepared {
  readonly to: Target
  readonly entry: JournalEntry
  /** Not journaled: whoever is there gets it, nobody else. */
  readonly nowOrNever: boolean
}

/** Checks and encodes. @throws INVALID_ARGUMENT | TOO_LARGE [P5, P9], before anything is sent */
export async function prepare(
  where: { readonly limits: PushLimits; readonly source: string; readonly now: number; readonly place: PortErrorDetails },
  to: Target,
  message: MessageDefinition,
  body: unknown,
  options: PublishOptions,
): Promise<Prepared> {
  const { limits, source, now, place } = where
  const target = checkedTarget(to, place)
  if (typeof message?.name !== 'string' || message.body === undefined)
    throw invalid('message', message, 'give what defineMessage returned', place)
  const id = options.id ?? newId()
  if (typeof id !== 'string' || !ID.test(id)) throw invalid('id', id, 'use 1 to 128 visible ASCII characters', place)
  const ttlMs = options.ttlMs ?? message.ttlMs ?? DEFAULT_TTL_MS
  if (!(ttlMs >= 0 && ttlMs <= MAX_TTL_MS)) throw invalid('ttlMs', ttlMs, `give milliseconds from 0 to ${MAX_TTL_MS}`, place)
  const { replaceKey, waitFor, retain } = options
  if (replaceKey !== undefined && (typeof replaceKey !== 'string' || !REPLACE_KEY.test(replaceKey) || !replaceKey.isWellFormed()))
    throw invalid('replaceKey', replaceKey, 'use 1 to 128 characters, none of them a control character', place)
  if (ttlMs === 0 && retain) throw invalid('retain', retain, 'a message with ttlMs 0 is not kept: give a ttlMs', place)
  if (waitFor !== undefined && !['accepted', 'received', 'handled'].includes(waitFor))
    throw invalid('waitFor', waitFor, "give 'accepted', 'received' or 'handled'", place)
  if ((waitFor === 'received' || waitFor === 'handled') && !('device' in target))
    throw invalid('waitFor', waitFor, "only one device's receipt can be waited for: use 'accepted', or send to { device }", place)
  const data = await validate(message.body, body, `body of message ${message.name}`)
  const bytes = encodeEnvelope({ id, type: message.name, source, time: new Date(now), subject: streamOf(target), data })
  checkSize(bytes.byteLength, limits, place)
  const entry: JournalEntry = {
    id,
    stream: streamOf(target),
    name: message.name,
    retain: retain === true,
    expiresAt: now + (ttlMs === 0 ? NOW_OR_NEVER_MS : ttlMs),
    bytes,
    ...(replaceKey === undefined ? {} : { replaceKey }),
  }
  return { to: target, entry, nowOrNever: ttlMs === 0 }
}

/** [P9] @throws TOO_LARGE */
export function checkSize(envelopeBytes: number, limits: PushLimits, place: PortErrorDetails): void {
  const most = limits.maxPayloadBytes - MAX_HEADER_BYTES
  if (envelopeBytes <= most) return
  const detail = `the message is ${envelopeBytes} bytes with its envelope, the most is ${most}: send a blob's key instead of its content`
  throw new PortError('TOO_LARGE', { ...place, detail })
}
