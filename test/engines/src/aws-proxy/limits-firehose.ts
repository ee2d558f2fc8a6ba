import type { Limits, Refusal } from './types.js'

/** https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html, seen in November 2026. */
const MAX_RECORDS = 500
const MAX_CALL_BYTES = 4 * 1_048_576
const MAX_RECORD_BYTES = 1_000 * 1_024

interface Call {
  readonly Record?: { readonly Data?: string }
  readonly Records?: readonly { readonly Data?: string }[]
}

export const firehoseLimits: Limits = {
  check({ body }) {
    const call = parse(body)
    const records = call.Records ?? (call.Record === undefined ? [] : [call.Record])
    if (call.Records !== undefined && (records.length === 0 || records.length > MAX_RECORDS))
      return refuse(
        'ValidationException',
        `1 validation error detected: Value at 'records' failed to satisfy constraint: Member must have length less than or equal to ${MAX_RECORDS}`,
      )
    const sizes = records.map(({ Data = '' }) => Buffer.byteLength(Data, 'base64'))
    if (sizes.some((bytes) => bytes > MAX_RECORD_BYTES))
      return refuse(
        'ValidationException',
        `1 validation error detected: Value at 'record.data' failed to satisfy constraint: Member must have length less than or equal to ${MAX_RECORD_BYTES}`,
      )
    if (sizes.reduce((sum, bytes) => sum + bytes, 0) > MAX_CALL_BYTES)
      return refuse('InvalidArgumentException', `Records size exceeds ${MAX_CALL_BYTES / 1_048_576} MB limit`)
    return undefined
  },
}

function parse(body: Buffer | undefined): Call {
  try {
    return JSON.parse(body?.toString('utf8') ?? '') as Call
  } catch {
    return {}
  }
}

function refuse(code: string, message: string): Refusal {
  return { status: 400, code, message }
}
