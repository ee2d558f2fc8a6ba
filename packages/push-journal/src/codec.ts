import type { Cursors, DeviceReceipt, JournalEntry, JournalReceipt, ReplayPage, WireOutcome } from '@pdvend/ports'
import type { Row } from './client.js'

/** One call of `append`. */
export interface Append {
  readonly entry: JournalEntry
  readonly now: number
}

/** One call of `acknowledge`. */
export interface Acknowledgement {
  readonly device: string
  readonly now: number
  readonly cursors: Cursors
  readonly outcomes: readonly WireOutcome[]
}

/** The parameters of a group of entries, column by column; the bodies are one parameter, for it alone travels in binary. Times are whole milliseconds. */
export function columnsOf(group: readonly Append[]): readonly unknown[] {
  const entries = group.map(({ entry }) => entry)
  return [
    group.map(({ now }) => Math.floor(now)),
    entries.map(({ stream }) => stream),
    entries.map(({ id }) => id),
    entries.map(({ name }) => name),
    entries.map(({ replaceKey }) => replaceKey ?? null),
    entries.map(({ retain }) => retain),
    entries.map(({ expiresAt }) => Math.ceil(expiresAt)),
    entries.map(({ receiptTo }) => receiptTo ?? null),
    entries.map(({ bytes }) => bytes.byteLength),
    Buffer.concat(entries.map(({ bytes }) => bytes)),
  ]
}

/** Acknowledgements as the server's function takes them. Of two outcomes for one id the later counts. */
export function acksOf(acks: readonly Acknowledgement[]): string {
  return JSON.stringify(
    acks.map(({ device, now, cursors, outcomes }) => {
      const latest = new Map(outcomes.map((outcome) => [outcome.id, outcome]))
      // By id: a device that is not registered has no row that would keep two of its acknowledgements apart.
      const sorted = [...latest.values()].sort((left, right) => (left.id < right.id ? -1 : 1))
      return {
        device,
        now: Math.floor(now),
        cursors,
        outcomes: sorted.map(({ id, state, error }) => ({ id, state, error: error && storable(error) })),
      }
    }),
  )
}

/** A device's words as PostgreSQL can hold them. */
function storable(text: string): string {
  return text.replaceAll('\0', '').toWellFormed()
}

/** The rows of a replay as a page; `undefined` where the device is not registered. */
export function pageOf(rows: readonly Row[]): ReplayPage | undefined {
  const reach = rows.filter(({ part }) => part === 'reach')
  if (reach.length === 0) return undefined
  const entries = (part: string): readonly (JournalEntry & JournalReceipt)[] => rows.filter((row) => row['part'] === part).map(entryOf)
  return {
    entries: [...entries('retained'), ...entries('page')],
    cursors: Object.fromEntries(reach.map(({ stream, seq }) => [String(stream), Number(seq)])),
    more: reach.some(({ rest }) => rest === true),
    lost: reach.filter(({ lost }) => lost === true).map(({ stream }) => String(stream)),
  }
}

function entryOf(row: Row): JournalEntry & JournalReceipt {
  return {
    sequence: Number(row['seq']),
    previous: Number(row['prev']),
    known: true,
    stream: String(row['stream']),
    id: String(row['id']),
    name: String(row['name']),
    retain: row['retain'] === true,
    expiresAt: Number(row['expires_at']),
    bytes: row['bytes'] as Uint8Array,
    ...(row['replace_key'] === null ? {} : { replaceKey: String(row['replace_key']) }),
    ...(row['receipt_to'] === null ? {} : { receiptTo: String(row['receipt_to']) }),
  }
}

/** Outcomes first; what is still queued follows, where nothing else is known of that device. */
export function receiptsOf(rows: readonly Row[]): readonly DeviceReceipt[] {
  const outcomes = rows.filter(({ queued }) => queued === false).map(receiptOf)
  const queued = rows.filter((row) => row['queued'] === true).map(receiptOf)
  return [...outcomes, ...queued.filter(({ device }) => !outcomes.some((one) => one.device === device))]
}

function receiptOf(row: Row): DeviceReceipt {
  return {
    id: String(row['id']),
    device: String(row['device']),
    state: row['state'] as DeviceReceipt['state'],
    at: new Date(Number(row['at'])),
    ...(row['error'] === null ? {} : { error: String(row['error']) }),
  }
}
