import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type DriverEvent, encodeEnvelope, systemClock, silentLogger, type TelemetryDriver } from '@pdvend/ports'
import { openTelemetry } from '../../src/telemetry/driver.js'

let directory: string
let driver: TelemetryDriver
const deps = { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(10_000) }
const call = { signal: AbortSignal.timeout(10_000) }

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pdvend-telemetry-'))
  driver = await openTelemetry({ directory, retentionDays: undefined }, deps)
})
afterEach(async () => {
  await driver.close()
  await rm(directory, { recursive: true })
})

function event(id: string, at: number, type = 'sale.closed'): DriverEvent {
  return { id, type, at, bytes: encodeEnvelope({ id, type, time: new Date(at), data: { id }, context: { transactionId: 't1' } }) }
}

test('a row that the table does not take is refused alone', async () => {
  const broken = { ...event('b', 2), bytes: new TextEncoder().encode('{"half":') }
  const outcomes = await driver.send([event('a', 1), broken, event('c', 3)], call)
  expect(outcomes.map(({ status }) => status)).toEqual(['accepted', 'reject', 'accepted'])
  const rows = await driver.query!({}, call)
  expect(rows.map(({ id }) => id)).toEqual(['c', 'a'])
  expect(rows[0]).toMatchObject({ type: 'sale.closed', at: new Date(3), data: { id: 'c' }, context: { transactionId: 't1' } })
})

test('the same id twice is one row, in one batch and in two', async () => {
  await driver.send([event('a', 1), event('a', 1)], call)
  await driver.send([event('a', 1)], call)
  expect(await driver.query!({}, call)).toHaveLength(1)
})

test('rows are found by type and time, newest first, as many as asked for', async () => {
  await driver.send([event('a', 10), event('b', 20), event('c', 30), event('d', 20, 'till.opened')], call)
  const ids = async (query: Parameters<NonNullable<TelemetryDriver['query']>>[0]): Promise<string[]> =>
    (await driver.query!(query, call)).map(({ id }) => id)
  expect(await ids({ type: 'sale.closed', from: new Date(20) })).toEqual(['c', 'b'])
  expect(await ids({ to: new Date(30), limit: 2 })).toEqual(['d', 'b'])
})

test('what is older than the retention is deleted at open', async () => {
  const now = Date.now()
  await driver.send([event('old', now - 3 * 86_400_000), event('new', now)], call)
  await driver.close()
  driver = await openTelemetry({ directory, retentionDays: 2 }, deps)
  // The sweep asked for its commit when the table opened, so one asked for now comes after it.
  await driver.send([event('newer', now + 1)], call)
  expect((await driver.query!({}, call)).map(({ id }) => id)).toEqual(['newer', 'new'])
})
