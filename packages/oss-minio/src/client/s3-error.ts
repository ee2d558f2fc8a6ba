import { textOf } from './xml.js'

/** The store's refusal. */
export class S3Error extends Error {
  override readonly name = 'S3Error'

  constructor(
    readonly status: number,
    /** The store's own code, e.g. `NoSuchKey`; empty where the answer had no body, as to HEAD. */
    readonly code: string,
    message: string,
    readonly requestId: string | undefined,
    readonly retryAfterMs: number | undefined,
  ) {
    super(message)
  }

  static of(status: number, headers: Readonly<Record<string, string | string[] | undefined>>, body: string): S3Error {
    const code = textOf(body, 'Code') ?? ''
    const message = textOf(body, 'Message') ?? (body === '' ? `HTTP ${status}` : body.slice(0, 200))
    const retryAfter = Number(headers['retry-after'])
    const id = headers['x-amz-request-id']
    return new S3Error(status, code, message, typeof id === 'string' ? id : undefined, retryAfter > 0 ? retryAfter * 1_000 : undefined)
  }
}
