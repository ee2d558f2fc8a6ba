import type { IncomingMessage, ServerResponse } from 'node:http'
import { PortError, type PortErrorCode } from '@pdvend/ports'

const STATUS: Readonly<Partial<Record<PortErrorCode, number>>> = {
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PRECONDITION_FAILED: 412,
  INVALID_ARGUMENT: 400,
  TOO_LARGE: 413,
  RANGE_NOT_SATISFIABLE: 416,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  RATE_LIMITED: 429,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
  UNSUPPORTED: 405,
  CLOSED: 503,
}

/** Answers with the code alone: details could tell a stranger about the store. */
export function answerFailure(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  const code = PortError.is(error) ? error.code : 'INTERNAL'
  // Bytes are on their way already: only a cut connection tells the client that they are not all.
  if (response.headersSent) return void response.destroy()
  refuse(request, response, STATUS[code] ?? 500, code)
}

/** Ends the request with a status and `{"error": code}`; what is still being sent is not read. */
export function refuse(request: IncomingMessage, response: ServerResponse, status: number, code: string): void {
  if (response.destroyed || response.writableEnded) return
  for (const name of ['content-length', 'content-range', 'content-disposition', 'etag', 'last-modified']) response.removeHeader(name)
  const body = `${JSON.stringify({ error: code })}\n`
  const unread = !request.complete && request.method !== 'GET' && request.method !== 'HEAD'
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(unread ? { connection: 'close' } : {}),
  })
  response.end(request.method === 'HEAD' ? undefined : body, () => {
    if (unread) request.destroy()
  })
  if (unread) request.resume()
}
