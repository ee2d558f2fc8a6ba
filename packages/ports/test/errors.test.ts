import { describe, expect, test } from '@jest/globals'
import { causeChain, errorTable, invalid, PortError, Secret, shapeOf } from '../src/index.js'

describe('PortError', () => {
  test('is recognised across duplicate copies of this package', () => {
    const foreign = Object.assign(new Error('x'), {
      code: 'NOT_FOUND',
      [Symbol.for('pdvend.PortError')]: true,
    })
    expect(PortError.is(foreign, 'NOT_FOUND')).toBe(true)
    expect(PortError.is(foreign, 'UNAVAILABLE')).toBe(false)
    expect(PortError.is(new Error('NOT_FOUND'))).toBe(false)
    expect(PortError.is(null)).toBe(false)
  })

  test.each([
    ['RATE_LIMITED', true, 'not-applied'],
    ['UNAVAILABLE', true, 'not-applied'],
    ['DEADLINE_EXCEEDED', true, 'unknown'],
    ['NOT_FOUND', false, 'not-applied'],
    ['INTERNAL', false, 'unknown'],
  ] as const)('%s: retryable %p, outcome %p unless said otherwise', (code, retryable, outcome) => {
    expect(new PortError(code)).toMatchObject({ retryable, outcome })
  })

  test('with() keeps code, cause and stack and replaces the place', () => {
    const cause = new Error('socket hang up')
    const error = new PortError('UNAVAILABLE', {
      cause,
      detail: 'the broker is away',
    })
    const placed = error.with({
      adapter: 'oss-kafka',
      operation: 'enqueue',
      target: 'receipt.issue',
      attempts: 2,
    })
    expect(placed.message).toBe('oss-kafka.enqueue("receipt.issue"): UNAVAILABLE after 2 attempts: the broker is away')
    expect(placed.cause).toBe(cause)
    expect(placed.stack).toContain('errors.test')
  })

  test('toJSON has no cause, which may hold what must not be logged', () => {
    expect(JSON.stringify(new PortError('INTERNAL', { cause: new Error('password=1234') }))).not.toContain('1234')
  })
})

describe('an error table', () => {
  const fail = errorTable('aws-s3', {
    NoSuchKey: 'NOT_FOUND',
    SlowDown: { code: 'RATE_LIMITED', detail: 'ask for a higher rate' },
    '412': 'PRECONDITION_FAILED',
  })

  test('maps by code, then by name, and says what to do', () => {
    expect(fail('get', Object.assign(new Error(), { name: 'NoSuchKey' }), 'notas/17.xml').message).toBe(
      'aws-s3.get("notas/17.xml"): NOT_FOUND',
    )
    expect(fail('get', { code: 'SlowDown' })).toMatchObject({
      code: 'RATE_LIMITED',
      detail: 'ask for a higher rate',
      retryable: true,
    })
    expect(fail('put', { code: 412 })).toMatchObject({
      code: 'PRECONDITION_FAILED',
    })
  })

  test('what is not in the table is INTERNAL, an abort is CANCELED, a PortError passes', () => {
    expect(fail('get', new Error('surprise')).code).toBe('INTERNAL')
    expect(fail('get', Object.assign(new Error(), { name: 'AbortError' })).code).toBe('CANCELED')
    expect(fail('get', new PortError('TOO_LARGE'))).toMatchObject({
      code: 'TOO_LARGE',
      adapter: 'aws-s3',
      operation: 'get',
    })
    expect(fail('get', undefined).code).toBe('INTERNAL')
  })
})

describe('what an error shows', () => {
  test('the shape of a value, never a long one', () => {
    expect(shapeOf('x'.repeat(5_000)).length).toBeLessThan(100)
    expect(shapeOf(new Uint8Array(7))).toBe('7 bytes')
    expect(shapeOf({ password: 'hunter2' })).not.toContain('hunter2')
    expect(shapeOf(Object.create(null))).toBe('an object (no prototype)')
    expect(shapeOf(10n)).toBe('bigint 10')
  })

  test('the shape of a hostile object: its own fields are not asked', () => {
    expect(shapeOf(JSON.parse('{"constructor":{"name":"hunter2"}}'))).toBe('an object (Object)')
    expect(shapeOf({ constructor: { name: { toString: 1 } } })).toBe('an object (Object)')
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    expect(shapeOf({ inner: proxy })).toBe('an object (Object)')
    expect(shapeOf(10n ** 5_000n).length).toBeLessThan(100)
  })

  test('of a target without end only the beginning', () => {
    const error = new PortError('INVALID_ARGUMENT', { operation: 'put', target: 'k'.repeat(1_000_000) })
    expect(JSON.stringify(error).length).toBeLessThan(500)
    expect(error.target).toContain('1000000 characters')
    expect(new PortError('NOT_FOUND', { operation: 'get', target: 'k'.repeat(1_024) }).target).toHaveLength(1_024)
  })

  test('invalid() names the field, the shape and the mend', () => {
    expect(invalid('key', '', 'use 1 to 1,024 bytes').message).toBe('ports: INVALID_ARGUMENT: key: got ""; use 1 to 1,024 bytes')
  })

  test('a chain of causes, cycles included', () => {
    const inner = new Error('disk')
    const outer = new Error('write', { cause: inner })
    inner.cause = outer
    expect(causeChain(outer)).toEqual(['Error: write', 'Error: disk'])
  })

  test('a secret prints as [secret] everywhere', async () => {
    const { inspect } = await import('node:util')
    const secret = new Secret('canary-4711')
    for (const text of [
      String(secret),
      `${secret.toString()}`,
      JSON.stringify({ secret }),
      inspect(secret),
      inspect({ deep: { secret } }, { depth: 9, showHidden: true }),
    ])
      expect(text).not.toContain('canary-4711')
    expect(secret.reveal()).toBe('canary-4711')
  })
})
