import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { backoffMs, discard, type Lease, PortError, retryAfter, snooze } from '../../src/index.js'
import { decide, type Ending } from '../../src/jobs/outcome.js'
import { redact } from '../../src/jobs/redact.js'

const lease = (attempt = 1): Lease => ({
  job: { id: 'i', name: 'a.b', payload: new Uint8Array(), dueAt: 0, enqueuedAt: 0, priority: 0 },
  token: 't',
  attempt,
  crashes: 0,
  expiresAt: 1,
})
const settle = (ending: Ending, more: object = {}) => decide({ lease: lease(), ending, random: () => 0.5, ...more })
const reason = new PortError('CANCELED')

describe('what becomes of a job', () => {
  test('returned = done, thrown = retry with half of the first wait', () => {
    expect(settle({ kind: 'returned' })).toEqual({ kind: 'done' })
    expect(settle({ kind: 'threw', error: new Error('x') })).toEqual({ kind: 'retry', delayMs: 500, errors: ['Error: x'] })
  })

  test('the last attempt that throws is dead as exhausted, and so is a retryAfter', () => {
    const last = { lease: lease(3), retry: { maxAttempts: 3 } }
    expect(settle({ kind: 'threw', error: 'text' }, last)).toMatchObject({ kind: 'dead', reason: 'exhausted' })
    expect(settle({ kind: 'threw', error: retryAfter(5) }, last)).toMatchObject({ kind: 'dead', reason: 'exhausted' })
    expect(settle({ kind: 'threw', error: snooze(5) }, last)).toEqual({ kind: 'release', delayMs: 5 })
  })

  test('a lost lease settles nothing, whatever the handler did', () => {
    for (const ending of [{ kind: 'returned' }, { kind: 'threw', error: discard('x') }, { kind: 'ignored' }] as const)
      expect(settle(ending, { aborted: { kind: 'lease', reason } })).toBeUndefined()
  })

  test('a drain releases what returned early, failed or did not end; a verdict still counts', () => {
    const aborted = { kind: 'drain', reason }
    for (const ending of [{ kind: 'returned' }, { kind: 'threw', error: reason }, { kind: 'ignored' }] as const)
      expect(settle(ending, { aborted })).toEqual({ kind: 'release', delayMs: 0 })
    expect(settle({ kind: 'threw', error: discard('x') }, { aborted })).toMatchObject({ kind: 'dead', reason: 'discarded' })
  })

  test('a timeout fails the attempt, also when the handler returned for it', () => {
    const aborted = { kind: 'timeout', reason: new PortError('DEADLINE_EXCEEDED', { detail: 'too long' }) }
    expect(settle({ kind: 'returned' }, { aborted })).toMatchObject({ kind: 'retry' })
    expect(settle({ kind: 'ignored' }, { aborted, retry: { maxAttempts: 1 } })).toMatchObject({ kind: 'dead', reason: 'exhausted' })
  })

  test("an error that the app's redaction throws on is left out, and the job is settled all the same", () => {
    const redact = (line: string): string => {
      if (line.includes('secret')) throw new TypeError('no match')
      return line
    }
    expect(settle({ kind: 'threw', error: new Error('x', { cause: new Error('my secret') }) }, { redact })).toMatchObject({
      kind: 'retry',
      errors: ['Error: x', "[left out: the app's redact threw]"],
    })
  })

  test('delays out of bounds are refused where they are written', () => {
    for (const ms of [-1, Number.NaN, Number.POSITIVE_INFINITY, 4e11, '5' as never]) {
      expect(() => retryAfter(ms)).toThrow(/retryAfter/)
      expect(() => snooze(ms)).toThrow(/snooze/)
    }
  })
})

test('backoff is within 0 and min(maxMs, firstMs * 2^(attempt - 1)) for any policy, attempt and jitter', () => {
  const policy = fc.record({
    firstMs: fc.integer({ min: 1, max: 1e6 }),
    maxMs: fc.integer({ min: 1, max: 1e9 }),
    maxAttempts: fc.constant(8),
  })
  fc.assert(
    fc.property(
      policy,
      fc.integer({ min: 1, max: 10_000 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (retry, attempt, random) => {
        const wait = backoffMs(retry, attempt, () => random)
        expect(wait).toBeGreaterThanOrEqual(0)
        expect(wait).toBeLessThanOrEqual(Math.min(retry.maxMs, retry.firstMs * 2 ** Math.min(attempt - 1, 40)))
      },
    ),
  )
})

describe('redaction', () => {
  test.each([
    'postgres://app:C4NARY@db/pos',
    'Authorization: Bearer C4NARYabcdefgh',
    '{"password":"C4NARY with spaces","user":"x"}',
    "token='C4NARY'",
    'PDVEND_BLOB_SECRET_KEY=C4NARY',
    'https://x/y?X-Amz-Signature=C4NARY&a=1',
    'AKIAC4NARYABCDEFGHIJ',
    '-----BEGIN RSA PRIVATE KEY-----\nC4NARY\n-----END RSA PRIVATE KEY-----',
  ])('%s', (line) => {
    expect(redact(line).replace('AKIAC4NARYABCDEFGHIJ', 'C4NARY')).not.toContain('C4NARY')
  })

  test('plain text stays as it is, long text is cut, and any text ends in linear time', () => {
    expect(redact('connect ECONNREFUSED 127.0.0.1:5432 after 3 tokens of paper')).toBe(
      'connect ECONNREFUSED 127.0.0.1:5432 after 3 tokens of paper',
    )
    expect(redact('x'.repeat(5_000))).toHaveLength(1_001)
    const startedAt = performance.now()
    for (const hostile of ['a'.repeat(1e6), '"'.repeat(1e5), 'password='.repeat(1e5), 'eyJ'.repeat(1e5), '://:'.repeat(1e5)])
      redact(hostile)
    expect(performance.now() - startedAt).toBeLessThan(2_000)
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => expect(redact(text).length).toBeLessThan(2_000)))
  })
})
