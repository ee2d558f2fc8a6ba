import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import {
  defineEvent,
  type DriverEvent,
  type EventOutcome,
  PortError,
  type StandardSchema,
  Telemetry,
  type TelemetryDriver,
} from '../../src/index.js'
import { decodeEnvelope, encodeEnvelope, withContext } from '../../src/index.js'
import { envelopeText } from '../../src/telemetry/encode.js'

const anything: StandardSchema<unknown> = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } }
const later: StandardSchema<unknown> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: async (value) => (value === 'wrong' ? { issues: [{ message: 'wrong' }] } : { value }),
  },
}
const seen = defineEvent('thing.seen', { data: anything })
const checkedLater = defineEvent('thing.checked', { data: later })

/** An engine that keeps rows by id and answers as told. */
function engine(
  answer: (event: DriverEvent, batch: readonly DriverEvent[]) => EventOutcome = () => ({ status: 'accepted' }),
): TelemetryDriver & { rows: Map<string, DriverEvent>; batches: DriverEvent[][] } {
  const rows = new Map<string, DriverEvent>()
  const batches: DriverEvent[][] = []
  return {
    rows,
    batches,
    limits: { maxBatchEvents: 10, maxBatchBytes: 10_000, maxEventBytes: 5_000 },
    async send(batch) {
      batches.push([...batch])
      const outcomes = batch.map((event) => answer(event, batch))
      batch.forEach((event, index) => outcomes[index]?.status === 'accepted' && rows.set(event.id, event))
      return outcomes
    },
    ping: async () => {},
    close: async () => {},
  }
}

describe('Telemetry', () => {
  test('a process with nothing else to do lives until its flush is over', async () => {
    const script = `
      import { defineEvent, PortError, Telemetry } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)}
      const anything = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } }
      const telemetry = new Telemetry({
        limits: { maxBatchEvents: 10, maxBatchBytes: 10_000, maxEventBytes: 5_000 },
        send: () => Promise.reject(new PortError('PERMISSION_DENIED')),
        ping: async () => {},
        close: async () => {},
      })
      telemetry.emit(defineEvent('thing.seen', { data: anything }), 1)
      console.log((await telemetry.flush({ timeoutMs: 300 })).complete)`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script])
    expect(stdout).toBe('false\n')
  })

  test('what is emitted arrives after a flush, and the ledger balances', async () => {
    const driver = engine()
    await using telemetry = new Telemetry(driver)
    for (let n = 0; n < 25; n++) telemetry.emit(seen, { n })
    expect(telemetry.ledger()).toEqual({ emitted: 25, accepted: 0, pending: 25, dead: 0, dropped: 0 })
    const report = await telemetry.flush()
    expect(report).toEqual({ emitted: 25, accepted: 25, pending: 0, dead: 0, dropped: 0, complete: true })
    expect([...driver.rows.values()].map(({ bytes }) => decodeEnvelope(bytes).data)).toEqual(Array.from({ length: 25 }, (_, n) => ({ n })))
    expect(driver.batches.every((batch) => batch.length <= 10)).toBe(true)
  })

  test('what JSON cannot hold is set aside with the reason', async () => {
    await using telemetry = new Telemetry(engine())
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    const trap = Object.defineProperty({}, 'x', {
      enumerable: true,
      get: () => {
        throw new Error('trap')
      },
    })
    for (const data of [1n, cycle, trap, new Map(), { n: Number.NaN }, undefined, 'x'.repeat(5_000_000)]) telemetry.emit(seen, data)
    expect(telemetry.ledger()).toMatchObject({ emitted: 7, dead: 7 })
    const reasons: string[] = []
    for await (const { reason } of telemetry.deadLetters.list()) reasons.push(reason)
    expect(reasons[0]).toBe('INVALID_ARGUMENT: data is bigint 1; give a value that JSON can hold')
    expect(reasons[6]).toMatch(/^TOO_LARGE: the event has 5000\d+ bytes/)
  })

  test('an asynchronous schema is awaited with a copy of the data', async () => {
    const driver = engine()
    await using telemetry = new Telemetry(driver)
    const data = { n: 1 }
    telemetry.emit(checkedLater, data)
    telemetry.emit(checkedLater, 'wrong')
    data.n = 2
    expect(telemetry.ledger()).toMatchObject({ emitted: 2, pending: 2 })
    expect(await telemetry.flush()).toMatchObject({ accepted: 1, dead: 1, complete: true })
    expect([...driver.rows.values()].map(({ bytes }) => decodeEnvelope(bytes).data)).toEqual([{ n: 1 }])
  })

  test('emitAndWait tells what became of the event', async () => {
    const driver = engine((event) =>
      event.key === 'bad' ? { status: 'reject', error: new PortError('INVALID_ARGUMENT', { detail: 'no' }) } : { status: 'accepted' },
    )
    await using telemetry = new Telemetry(driver)
    await expect(telemetry.emitAndWait(seen, 1, 'accepted', { id: 'a' })).resolves.toEqual({ id: 'a', status: 'accepted' })
    await expect(telemetry.emitAndWait(seen, 1, 'spooled', { id: 'b' })).resolves.toEqual({ id: 'b', status: 'spooled' })
    await expect(telemetry.emitAndWait(seen, 1, 'accepted', { key: 'bad' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(telemetry.emitAndWait(seen, 1n, 'accepted')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(telemetry.query()).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })

  test('the fast envelope has the bytes of the plain one', () => {
    const context = { transactionId: 't"1', component: 'till', caller: 'ação' }
    withContext(context, () => {
      const at = Date.UTC(2026, 0, 2)
      const data = { text: 'linha\n😀' }
      const plain = new TextDecoder().decode(encodeEnvelope({ id: 'a', type: 'thing.seen', time: new Date(at), subject: 'k', data }))
      expect(envelopeText({ id: 'a', type: 'thing.seen', source: '/pdvend', at, key: 'k', context }, JSON.stringify(data))).toBe(plain)
    })
  })
})
