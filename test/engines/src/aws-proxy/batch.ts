import type { AwsService, ProxiedRequest, Refusal } from './types.js'

/** A batch of which only a part goes on. */
export interface Remainder {
  /** What is left of it; undefined where nothing is. */
  readonly body: Buffer | undefined
  /** The service's answer, or none where nothing was sent, with what became of the other entries put in. */
  merge(answer: Buffer | undefined): Buffer
}

/** What one entry of a batch meets that fails by itself. */
export const ENTRY_FAILURES: Readonly<Record<AwsService, Refusal>> = {
  s3: { status: 500, code: 'InternalError', message: 'We encountered an internal error. Please try again.' },
  sqs: { status: 500, code: 'InternalError', message: 'An internal error occurred.' },
  firehose: { status: 500, code: 'ServiceUnavailableException', message: 'Slow down.' },
  iot: { status: 500, code: 'InternalFailureException', message: 'no batches' },
}

/** How many entries a batch has; 0 for what is none. */
export function entriesOf(service: AwsService, request: ProxiedRequest): number {
  if (service === 's3') return request.method === 'POST' && request.query.has('delete') ? objectsOf(request).length : 0
  const { Entries, Records } = jsonOf(request)
  return (Entries ?? Records ?? []).length
}

/** Takes entries out of a batch. */
export function without(service: AwsService, request: ProxiedRequest, refused: ReadonlyMap<number, Refusal>): Remainder {
  if (service === 's3') return withoutObjects(request, refused)
  return service === 'sqs' ? withoutMessages(request, refused) : withoutRecords(request, refused)
}

function withoutObjects(request: ProxiedRequest, refused: ReadonlyMap<number, Refusal>): Remainder {
  const objects = objectsOf(request)
  const left = objects.filter((_, index) => !refused.has(index))
  const text = request.body!.toString('utf8')
  const start = text.indexOf(objects[0]!)
  const end = text.lastIndexOf(objects.at(-1)!) + objects.at(-1)!.length
  const errors = [...refused].map(([index, { code, message }]) => {
    const key = /<Key>([\s\S]*?)<\/Key>/.exec(objects[index]!)?.[1] ?? ''
    return `<Error><Key>${key}</Key><Code>${code}</Code><Message>${message}</Message></Error>`
  })
  return {
    body: left.length === 0 ? undefined : Buffer.from(text.slice(0, start) + left.join('') + text.slice(end)),
    merge: (answer) => {
      const deleted = /<DeleteResult[^>]*[^/]>([\s\S]*)<\/DeleteResult>/.exec(answer?.toString('utf8') ?? '')?.[1] ?? ''
      return Buffer.from(`<?xml version="1.0" encoding="UTF-8"?><DeleteResult>${deleted}${errors.join('')}</DeleteResult>`)
    },
  }
}

function withoutMessages(request: ProxiedRequest, refused: ReadonlyMap<number, Refusal>): Remainder {
  const call = jsonOf(request)
  const entries = call.Entries ?? []
  const left = entries.filter((_, index) => !refused.has(index))
  const failed = [...refused].map(([index, { status, code, queryCode = code, message }]) => ({
    Id: entries[index]!.Id,
    SenderFault: status < 500,
    Code: queryCode,
    Message: message,
  }))
  return {
    body: left.length === 0 ? undefined : Buffer.from(JSON.stringify({ ...call, Entries: left })),
    merge: (answer) => {
      const result = parse<{ Successful?: unknown[]; Failed?: unknown[] }>(answer)
      return Buffer.from(JSON.stringify({ ...result, Failed: [...(result.Failed ?? []), ...failed] }))
    },
  }
}

function withoutRecords(request: ProxiedRequest, refused: ReadonlyMap<number, Refusal>): Remainder {
  const call = jsonOf(request)
  const records = call.Records ?? []
  const left = records.filter((_, index) => !refused.has(index))
  return {
    body: left.length === 0 ? undefined : Buffer.from(JSON.stringify({ ...call, Records: left })),
    merge: (answer) => {
      const result = parse<{ FailedPutCount?: number; RequestResponses?: unknown[] }>(answer)
      const answers = (result.RequestResponses ?? [])[Symbol.iterator]()
      const RequestResponses = records.map((_, index) => {
        const refusal = refused.get(index)
        return refusal === undefined ? answers.next().value : { ErrorCode: refusal.code, ErrorMessage: refusal.message }
      })
      return Buffer.from(JSON.stringify({ ...result, FailedPutCount: (result.FailedPutCount ?? 0) + refused.size, RequestResponses }))
    },
  }
}

function objectsOf({ body }: ProxiedRequest): readonly string[] {
  return body?.toString('utf8').match(/<Object>[\s\S]*?<\/Object>/g) ?? []
}

interface BatchCall {
  readonly Entries?: readonly { readonly Id?: string }[]
  readonly Records?: readonly unknown[]
}

function jsonOf({ body }: ProxiedRequest): BatchCall {
  return parse<BatchCall>(body)
}

function parse<T>(body: Buffer | undefined): T {
  try {
    return JSON.parse(body?.toString('utf8') ?? '{}') as T
  } catch {
    return {} as T
  }
}
