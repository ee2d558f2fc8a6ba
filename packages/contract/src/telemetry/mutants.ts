import {
  decodeEnvelope,
  type DriverCall,
  type DriverEvent,
  encodeEnvelope,
  type EventOutcome,
  newId,
  type TelemetryDriver,
} from '@pdvend/ports'
import type { Mutant } from '../case.js'

type Send = (batch: readonly DriverEvent[], call: DriverCall) => Promise<readonly EventOutcome[]>

/** The driver with another `send`, and perhaps another `close` or other limits. */
function broken(driver: TelemetryDriver, send: Send, rest: Partial<TelemetryDriver> = {}): TelemetryDriver {
  return {
    limits: driver.limits,
    ...(driver.capabilities === undefined ? {} : { capabilities: driver.capabilities }),
    ...(driver.query === undefined ? {} : { query: (query, call) => driver.query!(query, call) }),
    ping: (call) => driver.ping(call),
    close: () => driver.close(),
    send,
    ...rest,
  }
}

const ACCEPTED: EventOutcome = { status: 'accepted' }

/** The event with another id, type or time, beside its envelope and in it: an adapter may store either. */
function altered(event: DriverEvent, change: Partial<Pick<DriverEvent, 'id' | 'type' | 'at'>>): DriverEvent {
  const { id, type, at } = { ...event, ...change }
  return { ...event, id, type, at, bytes: encodeEnvelope({ ...decodeEnvelope(event.bytes), id, type, time: new Date(at) }) }
}

/** Drivers broken on purpose. They show in what is stored, so they need an adapter that can be read back. */
export const telemetryMutants: readonly Mutant<'telemetry'>[] = [
  {
    name: 'type missing',
    fault: 'the record of an event is of no type of its own',
    clauses: ['T5'],
    mutate: (driver) =>
      broken(driver, (batch, call) =>
        driver.send(
          batch.map((event) => altered(event, { type: 'event' })),
          call,
        ),
      ),
  },
  {
    name: 'unseen failure',
    fault: 'a batch is accepted before it is sent, its failure goes unseen, and close drops what waits',
    clauses: ['T6', 'T27'],
    mutate: (driver) => {
      const waiting: DriverEvent[] = []
      return broken(driver, async (batch, call) => {
        waiting.push(...batch)
        if (waiting.length >= 1_000) await driver.send(waiting.splice(0, 1_000), call).catch(() => undefined)
        return batch.map(() => ACCEPTED)
      })
    },
  },
  {
    name: 'partial failure taken for success',
    fault: 'events that the engine refused are reported as accepted',
    clauses: ['T12', 'T31'],
    mutate: (driver) =>
      broken(driver, async (batch, call) => {
        // The engine takes only the first 50 of a batch; the driver does not look.
        await driver.send(batch.slice(0, 50), call)
        return batch.map(() => ACCEPTED)
      }),
  },
  {
    name: 'duplicate rows',
    fault: 'each try stores under an id of its own, so that a replay makes new rows',
    clauses: ['T43', 'T33'],
    mutate: (driver) =>
      broken(driver, (batch, call) =>
        driver.send(
          batch.map((event) => altered(event, { id: newId() })),
          call,
        ),
      ),
  },
  {
    name: 'context dropped',
    fault: 'the envelope is written anew without its context',
    clauses: ['T5'],
    mutate: (driver) =>
      broken(driver, (batch, call) => {
        const bare = batch.map((event) => {
          const { id, type, time, data } = decodeEnvelope(event.bytes)
          return { ...event, bytes: encodeEnvelope({ id, type, time, data, context: {} as never }) }
        })
        return driver.send(bare, call)
      }),
  },
  {
    name: 'limits ignored',
    fault: 'the driver claims to take events of any size',
    clauses: ['T1', 'T11'],
    mutate: (driver) =>
      broken(driver, (batch, call) => driver.send(batch, call), {
        limits: { ...driver.limits, maxEventBytes: Number.MAX_SAFE_INTEGER, maxBatchBytes: Number.MAX_SAFE_INTEGER },
      }),
  },
  {
    name: 'text cut',
    fault: 'text ends at its first newline',
    clauses: ['T13'],
    mutate: (driver) =>
      broken(driver, (batch, call) => {
        const cut = batch.map((event) => {
          const { id, type, time, data } = decodeEnvelope(event.bytes)
          const fields = data as { text?: string }
          const text = fields.text?.split('\n')[0]
          return { ...event, bytes: encodeEnvelope({ id, type, time, data: { ...fields, ...(text === undefined ? {} : { text }) } }) }
        })
        return driver.send(cut, call)
      }),
  },
  {
    name: 'time of arrival',
    fault: 'an event is stored under the time at which it arrived',
    clauses: ['T40', 'T39'],
    mutate: (driver) =>
      broken(driver, (batch, call) =>
        driver.send(
          batch.map((event) => altered(event, { at: Date.now() })),
          call,
        ),
      ),
  },
]
