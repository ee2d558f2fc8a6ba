import type { IncomingMessage, ServerResponse } from 'node:http'

/** Lets the pages of `origins` use signed URLs by script; no cookie takes part, so none is allowed. */
export function allowOrigin(request: IncomingMessage, response: ServerResponse, origins: readonly string[]): void {
  const { origin } = request.headers
  if (origin === undefined || origins.length === 0) return
  response.setHeader('vary', 'origin')
  if (!origins.includes('*') && !origins.includes(origin)) return
  response.setHeader('access-control-allow-origin', origins.includes('*') ? '*' : origin)
  response.setHeader(
    'access-control-expose-headers',
    'etag, content-range, accept-ranges, content-length, content-disposition, last-modified',
  )
}

/** Says what a script may send; without an allowed origin the browser refuses by itself. */
export function answerPreflight(response: ServerResponse): void {
  response.writeHead(204, {
    'access-control-allow-methods': 'GET, HEAD, PUT, POST',
    'access-control-allow-headers': 'content-type, range, if-match, if-none-match, if-modified-since',
    'access-control-max-age': '600',
  })
  response.end()
}
