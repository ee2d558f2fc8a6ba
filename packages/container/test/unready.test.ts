import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Logger, PortError, type PortErrorCode, type PortErrorDetails, silentLogger } from '@pdvend/ports'
import { defineApp } from '../src/index.js'
import { useOwnDirectory } from './own-directory.js'
import { type Journal, testProfile } from './test-adapters.js'

useOwnDirectory()

// Short waits.
beforeEach(() => void jest.spyOn(Math, 'random').mockReturnValue(0.05))
afterEach(() => void jest.restoreAllMocks())

const SECRET = 'c4n4ry-of-the-store'
const unready = (details: PortErrorDetails = {}): PortError => new PortError('UNAVAILABLE', { detail: 'HTTP 503', ...details })

/** Starts an app whose blob adapter does in each try what `tries` says, and in all later ones what its last one does. */
async function start(tries: readonly ((signal: AbortSignal) => Promise<void>)[], env: Readonly<Record<string, string>> = {}) {
  const journal: Journal = []
  const warnings: (readonly [Readonly<Record<string, unknown>>, string])[] = []
  const log: Logger = { ...silentLogger, warn: (...told) => void warnings.push(told) }
  let made = 0
  const blob = { open: (_: unknown, { signal }: { signal: AbortSignal }) => tries[Math.min(made++, tries.length - 1)]!(signal) }
  const app = defineApp({ profiles: { local: testProfile(journal, { blob }) }, signals: [], log })
  const startedAt = performance.now()
  const error = await app.start({ PDVEND_BLOB_SECRET_KEY: SECRET, ...env }, { only: ['telemetry', 'blob'] }).then(
    (running) => running.close().then(() => undefined),
    (thrown: unknown) => thrown as PortError,
  )
  return { journal, warnings, error, tookMs: performance.now() - startedAt }
}

const fails = (error: PortError) => (): Promise<void> => Promise.reject(error)
const opens = async (): Promise<void> => {}

describe('an engine that is not ready', () => {
  test.each(['UNAVAILABLE', 'RATE_LIMITED'] as const)('is tried again after %s, and each time told', async (code) => {
    const refused = new PortError(code, { detail: `slow down, ${SECRET}` })
    const { journal, warnings, error } = await start([fails(refused), opens])
    expect(error).toBeUndefined()
    expect(journal).toEqual(['open telemetry', 'open blob', 'open blob', 'close blob', 'close telemetry'])
    const names = 'check PDVEND_BLOB_BUCKET, PDVEND_BLOB_REQUEST_MS, PDVEND_BLOB_SECRET_KEY'
    const told = {
      port: 'blob',
      adapter: 'test-blob',
      tries: 1,
      waitMs: 25,
      error: `test-blob.open(): ${code}: slow down, [secret]; ${names}`,
    }
    expect(warnings).toEqual([[told, 'the engine is not ready; trying again']])
  })

  test('is given up after three tries by its last error', async () => {
    const { journal, warnings, error } = await start(['first', 'second', 'third'].map((detail) => fails(unready({ detail }))))
    expect(journal).toEqual(['open telemetry', 'open blob', 'open blob', 'open blob', 'close telemetry'])
    expect(warnings.map(([{ tries, waitMs }]) => [tries, waitMs])).toEqual([
      [1, 25],
      [2, 50],
    ])
    expect(error).toMatchObject({ code: 'UNAVAILABLE', attempts: 3, detail: expect.stringMatching(/^third; check PDVEND_BLOB_BUCKET/) })
  })

  test('costs less than two seconds of waiting', async () => {
    jest.spyOn(Math, 'random').mockReturnValue(1)
    const { warnings } = await start([fails(unready())])
    expect(warnings.map(([{ waitMs }]) => waitMs)).toEqual([500, 1_000])
  })

  test('and takes its time to say so is not tried again', async () => {
    const late = () => sleep(2_050).then(fails(unready()))
    expect(await start([late])).toMatchObject({ journal: ['open telemetry', 'open blob', 'close telemetry'], error: { attempts: 1 } })
  })

  test.each([
    ['wants a longer wait than two seconds', {}, 2_000],
    ['wants a wait beyond PDVEND_START_MS', { PDVEND_START_MS: '500' }, 600],
  ])('and %s is told at once', async (_, env, retryAfterMs) => {
    const { journal, error, tookMs } = await start([fails(unready({ retryAfterMs }))], env)
    expect(journal).toEqual(['open telemetry', 'open blob', 'close telemetry'])
    expect(error).toMatchObject({ code: 'UNAVAILABLE', detail: expect.stringContaining('HTTP 503') })
    expect(tookMs).toBeLessThan(500)
  })

  test('and then hangs is left at PDVEND_START_MS, and aborted', async () => {
    let left: unknown
    const hangs = (signal: AbortSignal) => new Promise<void>(() => signal.addEventListener('abort', () => (left = signal.reason)))
    const { error, tookMs } = await start([fails(unready({ retryAfterMs: 1 })), hangs], { PDVEND_START_MS: '1000' })
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', detail: expect.stringContaining('PDVEND_BLOB') })
    expect(PortError.is(left, 'DEADLINE_EXCEEDED')).toBe(true)
    expect(tookMs).toBeGreaterThan(900)
    expect(tookMs).toBeLessThan(1_500)
  })
})

test.each([
  'CONFIG_INVALID',
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
  'NOT_FOUND',
  'UNSUPPORTED',
  'INTEGRITY_FAILED',
  'DEADLINE_EXCEEDED',
  'INTERNAL',
] satisfies PortErrorCode[])('%s is no matter of time: one try', async (code) => {
  const { journal, warnings, error } = await start([fails(new PortError(code))])
  expect([error?.code, journal, warnings]).toEqual([code, ['open telemetry', 'open blob', 'close telemetry'], []])
})

test('what says that it will not pass is tried once', async () => {
  const { journal } = await start([fails(unready({ detail: 'the disk is full', retryable: false }))])
  expect(journal).toEqual(['open telemetry', 'open blob', 'close telemetry'])
})

describe('a process that waits for its engine', () => {
  const spawned = (refusals: number) => {
    const script = fileURLToPath(new URL('./children/unready.mjs', import.meta.url))
    return spawn(process.execPath, [script, String(refusals)], { stdio: ['ignore', 'pipe', 'inherit'] })
  }
  const output = async (child: ReturnType<typeof spawned>): Promise<readonly string[]> =>
    (await child.stdout.setEncoding('utf8').toArray()).join('').trim().split('\n')

  test('lives until it is there', async () => {
    const child = spawned(1)
    const [lines, [code]] = await Promise.all([output(child), once(child, 'exit')])
    expect([lines, code]).toEqual([['open', 'open', 'close'], 0])
  })

  test('ends at once by a signal', async () => {
    const child = spawned(9)
    await once(child.stdout, 'readable')
    child.kill('SIGTERM')
    const [lines, [, signal]] = await Promise.all([output(child), once(child, 'exit')])
    expect([lines, signal]).toEqual([['open'], 'SIGTERM'])
  })
})
