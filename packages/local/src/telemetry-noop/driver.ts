import type { EventOutcome, TelemetryDriver } from '@pdvend/ports'

const ACCEPTED: EventOutcome = { status: 'accepted' }

/** Accepts everything and keeps nothing. */
export function openNoop(): TelemetryDriver {
  return {
    limits: { maxBatchEvents: 10_000, maxBatchBytes: 16 * 1_048_576, maxEventBytes: 1_000 * 1_024 },
    ping: () => Promise.resolve(),
    send: (batch) => Promise.resolve(batch.map(() => ACCEPTED)),
    close: () => Promise.resolve(),
  }
}
