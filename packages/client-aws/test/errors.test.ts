import { describe, expect, test } from '@jest/globals'
import { errorTable } from '@pdvend/ports'
import { awsErrorKeys, awsErrorRows, connectionErrorRows } from '../src/index.js'

const fail = errorTable('aws-x', { ...awsErrorRows('PDVEND_X'), ...connectionErrorRows('PDVEND_X') }, awsErrorKeys)

const answer = (name: string, status: number): unknown => Object.assign(new Error('no'), { name, $metadata: { httpStatusCode: status } })

describe('errors that every service of AWS has', () => {
  test.each([
    ['a name before the status', answer('ThrottlingException', 400), { code: 'RATE_LIMITED', outcome: 'not-applied' }],
    [
      "S3's code before the name",
      Object.assign(new Error('no'), { Code: 'ExpiredToken' }),
      { code: 'UNAVAILABLE', outcome: 'not-applied' },
    ],
    ['a status without a name', answer('UnknownError', 502), { code: 'UNAVAILABLE', outcome: 'unknown' }],
    ["Node's code", Object.assign(new Error('no'), { code: 'EPIPE' }), { code: 'UNAVAILABLE', outcome: 'unknown' }],
    ['a cut connection without a code', new Error('socket hang up'), { code: 'UNAVAILABLE', outcome: 'unknown' }],
    [
      'a clock that is off, as services that speak JSON say it',
      Object.assign(new Error('Signature expired: 20261126T101010Z is now earlier than …'), { name: 'InvalidSignatureException' }),
      { code: 'UNAVAILABLE', outcome: 'not-applied', retryable: true },
    ],
    ["another realm's error with a code", wrapped('Error: connect ECONNREFUSED ::1'), { code: 'UNAVAILABLE', outcome: 'not-applied' }],
    ["another realm's error with a name", wrapped('TimeoutError: late'), { detail: 'no answer within PDVEND_X_REQUEST_TIMEOUT_MS' }],
    ["another realm's error with neither", wrapped('Error: aborted'), { code: 'UNAVAILABLE', outcome: 'unknown' }],
    ['what is no error', 'no', { code: 'INTERNAL' }],
    ['a number that is no status', Object.assign(new Error('no'), { code: 403 }), { code: 'INTERNAL' }],
  ])('%s', (_, cause, expected) => {
    expect(fail('get', cause)).toMatchObject(expected)
  })

  test.each([
    ['no region', new Error('Region is missing'), 'set PDVEND_X_REGION or AWS_REGION'],
    ['a wrong signature', answer('InvalidSignatureException', 403), 'check PDVEND_X_ACCESS_KEY and PDVEND_X_SECRET_KEY'],
    ['no credentials', answer('CredentialsProviderError', 400), 'give PDVEND_X_ACCESS_KEY and PDVEND_X_SECRET_KEY'],
    ['no such host', Object.assign(new Error('no'), { code: 'ENOTFOUND' }), 'check PDVEND_X_ENDPOINT, PDVEND_X_REGION'],
  ])('%s names the settings', (_, cause, settings) => {
    expect(fail('get', cause).detail).toContain(settings)
  })

  test('an adapter words a refusal, a full service and its endpoints its own way', () => {
    const rows = awsErrorRows('PDVEND_X', { slow: 'CANCELED', refused: 'PERMISSION_DENIED' })
    expect(rows).toMatchObject({ Throttling: 'CANCELED', 'status 429': 'CANCELED', 'status 403': 'PERMISSION_DENIED' })
    expect(connectionErrorRows('PDVEND_X', 'A, B').ECONNREFUSED).toMatchObject({ detail: expect.stringContaining('check A, B, PDVEND_X_') })
  })
})

function wrapped(said: string): Error {
  return new Error(`AWS SDK error wrapper for ${said}`)
}
