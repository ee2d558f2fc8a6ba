import type { JournalEntry, JournalReceipt, ReplayPage, ReplayRequest } from '@pdvend/ports'
import type { Row } from '../sqlite/database.js'
import type { Statements } from './statements.js'

type Replayed = JournalEntry & JournalReceipt

interface Reach {
  readonly start: number
  readonly head: number
  readonly fresh: boolean
}

/** One page of what a device has not had, over all its streams in the order of publishing. */
export function readPage(sql: Statements, ns: string, device: string, request: ReplayRequest, now: number): ReplayPage {
  const { cursors, maxEntries, maxBytes } = request
  const reaches = new Map<string, Reach>()
  const lost: string[] = []
  for (const { stream: raw, seq } of sql.cursorsOf.all(ns, device)) {
    const stream = String(raw)
    // Heads are read before entries: what is appended in between is then sent twice rather than never.
    const row = sql.streamRow.get(ns, stream)
    const head = Number(row?.head ?? 0)
    const fresh = !Object.hasOwn(cursors, stream)
    const start = Math.max(Number(seq), Math.min(cursors[stream] ?? 0, head))
    if (Number(row?.floor ?? 0) > start) lost.push(stream)
    reaches.set(stream, { start, head, fresh })
  }
  const retained = [...reaches].flatMap(([stream, { start, fresh }]) =>
    fresh ? sql.retained.all(ns, stream, start, now).map(entryOf) : [],
  )
  const later = [...reaches].flatMap(([stream, { start }]) => sql.after.all(ns, stream, start, now, maxEntries + 1).map(entryOf))
  later.sort(bySequence)
  const fits = fitting(later, maxEntries, maxBytes)
  const page = later.slice(0, fits)
  const more = fits < later.length
  const reached: Record<string, number> = {}
  for (const [stream, { start, head }] of reaches) {
    const last = page.findLast((entry) => entry.stream === stream)?.sequence ?? start
    const rest = later.slice(fits).some((entry) => entry.stream === stream)
    reached[stream] = rest ? last : Math.max(head, last)
  }
  return { entries: [...retained.sort(bySequence), ...page], cursors: reached, more, lost }
}

/** How many entries fit into a page; at least one, so that it goes on. */
function fitting(entries: readonly Replayed[], maxEntries: number, maxBytes: number): number {
  let bytes = 0
  let count = 0
  for (const entry of entries) {
    bytes += entry.bytes.byteLength
    if (count === maxEntries || (count > 0 && bytes > maxBytes)) return count
    count += 1
  }
  return count
}

function bySequence(left: Replayed, right: Replayed): number {
  return left.sequence - right.sequence
}

function entryOf(row: Row): Replayed {
  return {
    sequence: Number(row.seq),
    previous: Number(row.prev),
    known: true,
    stream: String(row.stream),
    id: String(row.id),
    name: String(row.name),
    retain: row.retain === 1,
    expiresAt: Number(row.expires_at),
    bytes: row.bytes as Uint8Array,
    ...(row.replace_key === null ? {} : { replaceKey: String(row.replace_key) }),
    ...(row.receipt_to === null ? {} : { receiptTo: String(row.receipt_to) }),
  }
}
