import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { type FaultKind, faultKinds, strengths, whyMissing } from '@pdvend/engines'
import { defineEvent, PortError } from '@pdvend/ports'
import { z } from 'zod'
import { proxiedFirehose } from './firehose-engine.js'
import { openTelemetry } from './open.js'

const EVENTS = 100
const CALL_MS = 600
/** What a busy machine may add to a deadline. */
const SLACK_MS = 5_000
const RECOVERY_MS = 5_000

/** Faults whose answer says nothing of records that were taken: they are sent again, and stored twice. */
const ANSWER_LOST: ReadonlySet<FaultKind> = new Set(['lostReply', 'slowBody', 'cutBody'])

const missing = await whyMissing('ministack')
const suite = missing === undefined ? describe : describe.skip
suite(`every fault at three strengths${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let engine: Awaited<ReturnType<typeof proxiedFirehose>>
  let directory: string
  beforeAll(async () => (engine = await proxiedFirehose()), 120_000)
  beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'pdvend-firehose-'))))
  afterEach(() => {
    engine.proxy.inject()
    rmSync(directory, { recursive: true, force: true })
  })
  afterAll(() => engine?.stop?.(), 60_000)

  const saleClosed = (name: string) => defineEvent(name, { data: z.object({ number: z.int(), note: z.string() }) })
  const note = 'x'.repeat(1_000)
  const stored = async (type: string): Promise<readonly number[]> =>
    (await engine.storedEvents!(type)).map(({ data }) => (data as { number: number }).number).sort((one, other) => one - other)
  const env = { PDVEND_TELEMETRY_REQUEST_TIMEOUT_MS: '500', PDVEND_TELEMETRY_RECORD_BYTES: '5000' }

  test.each(faultKinds.filter((kind) => kind !== 'flippedBit'))(
    '%s: success or a typed error in time, nothing accepted is lost, and the stream is back within 5 seconds',
    async (kind) => {
      for (const strength of strengths) {
        const event = saleClosed(`faults.${kind.toLowerCase()}.${strength}`)
        await using telemetry = await openTelemetry(engine, join(directory, strength), env)
        engine.proxy.inject({ kind, strength })
        for (let number = 0; number < EVENTS - 1; number++) telemetry.emit(event, { number, note })
        const startedAt = Date.now()
        const failure = await telemetry
          .emitAndWait(event, { number: EVENTS - 1, note }, 'accepted', { timeoutMs: CALL_MS })
          .catch((error: unknown) => error)
        expect(PortError.is(failure, 'DEADLINE_EXCEEDED') || (failure as { status?: string }).status === 'accepted').toBe(true)
        expect(Date.now() - startedAt).toBeLessThan(CALL_MS + SLACK_MS)
        engine.proxy.inject()
        const { complete, ...ledger } = await telemetry.flush({ timeoutMs: RECOVERY_MS })
        expect([strength, complete, ledger]).toEqual([
          strength,
          true,
          { emitted: EVENTS, accepted: EVENTS, pending: 0, dead: 0, dropped: 0 },
        ])
        const numbers = await stored(event.name)
        expect([strength, new Set(numbers).size]).toEqual([strength, EVENTS])
        if (!ANSWER_LOST.has(kind)) expect([strength, numbers.length]).toEqual([strength, EVENTS])
      }
      if (kind !== 'clockSkew') expect(engine.proxy.hits[kind]).toBeGreaterThan(0)
    },
    120_000,
  )

  test('what is not sent when the process ends waits in the spool, and the next one sends it', async () => {
    const event = saleClosed('faults.spool')
    engine.proxy.inject()
    {
      await using telemetry = await openTelemetry(engine, directory, env)
      engine.proxy.inject({ kind: 'unavailable', strength: 'heavy' })
      for (let number = 0; number < EVENTS; number++) telemetry.emit(event, { number, note })
      expect((await telemetry.flush({ timeoutMs: 300 })).complete).toBe(false)
    }
    engine.proxy.inject()
    await using telemetry = await openTelemetry(engine, directory, env)
    expect(await telemetry.flush({ timeoutMs: RECOVERY_MS })).toMatchObject({ complete: true, accepted: EVENTS, pending: 0 })
    expect(await stored(event.name)).toEqual(Array.from({ length: EVENTS }, (_, number) => number))
  }, 30_000)

  test('the engine away, then back: events wait and arrive', async () => {
    const event = saleClosed('faults.session')
    await using telemetry = await openTelemetry(engine, directory, env)
    for (const kind of ['expiredToken', 'denied', 'throttle'] as const) {
      engine.proxy.inject({ kind, strength: 'heavy' })
      telemetry.emit(event, { number: 1, note })
      expect((await telemetry.flush({ timeoutMs: 200 })).complete).toBe(false)
      engine.proxy.inject()
      expect((await telemetry.flush({ timeoutMs: RECOVERY_MS })).complete).toBe(true)
    }
    expect(await stored(event.name)).toEqual([1, 1, 1])
  }, 30_000)
})
