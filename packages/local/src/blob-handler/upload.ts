import type { IncomingMessage, ServerResponse } from 'node:http'
import { PortError } from '@pdvend/ports'
import { refuse } from './failure.js'
import type { HandlerContext } from './index.js'

/** PUT of one blob: the type, and the size where it was signed, must be those of the URL [B105]. */
export async function upload(
  { blobs, signer, clock }: HandlerContext,
  request: IncomingMessage,
  response: ServerResponse,
  target: string,
): Promise<void> {
  const verdict = signer.verifyUrl('PUT', target, clock.now())
  if ('refused' in verdict) return refuse(request, response, 403, verdict.refused === 'expired' ? 'EXPIRED' : 'PERMISSION_DENIED')
  const { key, contentType, sizeBytes } = verdict.grant
  if (contentType === undefined || request.headers['content-type'] !== contentType)
    return refuse(request, response, 403, 'PERMISSION_DENIED')
  const announced = request.headers['content-length'] === undefined ? undefined : Number(request.headers['content-length'])
  if (sizeBytes !== undefined && announced !== undefined && announced !== sizeBytes)
    return refuse(request, response, 403, 'PERMISSION_DENIED')
  const expected = sizeBytes ?? announced
  const gone = new AbortController()
  const onClose = (): void => {
    if (!request.complete) gone.abort(new PortError('CANCELED', { detail: 'the client went away' }))
  }
  request.once('close', onClose)
  try {
    const info = await blobs.put(key, request as AsyncIterable<Uint8Array>, {
      contentType,
      signal: gone.signal,
      ...(expected === undefined ? {} : { sizeBytes: expected }),
    })
    response.writeHead(200, { etag: `"${info.etag}"`, 'content-length': 0, 'x-content-type-options': 'nosniff' }).end()
  } finally {
    request.off('close', onClose)
  }
}
