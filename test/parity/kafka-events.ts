import { readTopic } from '@pdvend/engines'
import { decodeEnvelope } from '@pdvend/ports'
import type { StoredEvent } from './homes.js'

/** Every event of a type that the topic holds, each once by its id, as whoever loads it into a warehouse sees it. */
export async function readEvents(brokers: string, type: string): Promise<readonly StoredEvent[]> {
  const envelopes = (await readTopic(brokers, 'pdvend.telemetry')).map(({ value }) => decodeEnvelope(value))
  const events = envelopes
    .filter((envelope) => envelope.type === type)
    .map(({ id, time, data, context }) => [id, { id, type, at: time, data, context: { ...context } }] as const)
  return [...new Map(events).values()]
}
