import { decodeEnvelope, type TelemetryRow } from '@pdvend/ports'
import type { Row } from '../sqlite/database.js'

const encoder = new TextEncoder()

/** A row of the table `events` as an app sees it. */
export function rowOf({ id, type, at, key, envelope }: Row): TelemetryRow {
  const { data, context } = decodeEnvelope(encoder.encode(String(envelope)))
  return {
    id: String(id),
    type: String(type),
    at: new Date(Number(at)),
    ...(key === null || key === undefined ? {} : { key: String(key) }),
    data,
    context: { ...context },
  }
}
