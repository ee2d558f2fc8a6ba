import { unfit } from './encode.js'
import type { SpooledDead } from './spool.js'
import type { DeadEvent } from './types.js'

const decoder = new TextDecoder()

/** A dead record as an app sees it. */
export function deadEvent(dead: SpooledDead): DeadEvent {
  const { id, type, at, key, reason, diedAt, whole } = dead
  const { data } = envelopeOf(dead)
  return { id, type, at: new Date(at), ...(key === undefined ? {} : { key }), reason, diedAt, whole, data }
}

/** The envelope with the data that `mend` gives; undefined when it gives none, or none that JSON can hold. */
export function mended(dead: SpooledDead, mend: (event: DeadEvent) => unknown): string | undefined {
  const data = mend(deadEvent(dead))
  if (data === undefined || unfit(data) !== undefined) return undefined
  return JSON.stringify({ ...envelopeOf(dead), data })
}

function envelopeOf(dead: SpooledDead): Record<string, unknown> {
  return JSON.parse(decoder.decode(dead.bytes)) as Record<string, unknown>
}
