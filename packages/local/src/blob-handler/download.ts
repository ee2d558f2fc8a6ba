import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { type BlobInfo, type BlobReader, PortError } from '@pdvend/ports'
import type { UrlGrant } from '../blob/url-signer.js'
import { refuse } from './failure.js'
import type { HandlerContext } from './index.js'
import { parseEtags, parseRange } from './range-header.js'

/** Types that a browser runs or that may hold scripts: they must not act as the shop's own page. */
const ACTIVE = /^(?:text\/html|application\/xhtml\+xml|image\/svg\+xml|text\/xml|application\/xml)/i

/** GET and HEAD of one blob. `target` is the request's path and query below the mount point. */
export async function download(
  { blobs, signer, clock }: HandlerContext,
  request: IncomingMessage,
  response: ServerResponse,
  target: string,
): Promise<void> {
  const verdict = signer.verifyUrl('GET', target, clock.now())
  if ('refused' in verdict) return refuse(request, response, 403, verdict.refused === 'expired' ? 'EXPIRED' : 'PERMISSION_DENIED')
  const { grant } = verdict
  const info = await blobs.head(grant.key)
  const status = conditionStatus(request, info)
  if (status === 412) return refuse(request, response, 412, 'PRECONDITION_FAILED')
  describe(response, info, grant)
  if (status === 304) return void response.writeHead(304).end()
  const asked = ifRangeHolds(request, info) ? parseRange(request.headers.range) : undefined
  if (request.method === 'HEAD') return void response.writeHead(200, { 'content-length': info.sizeBytes }).end()
  await using reader = await open(blobs, grant.key, info, asked, response)
  const { offset, length } = reader.range
  const { sizeBytes } = reader.info
  // Between head and get another version may have come: what is sent describes what is read.
  describe(response, reader.info, grant)
  if (asked === undefined) response.writeHead(200, { 'content-length': length })
  else response.writeHead(206, { 'content-length': length, 'content-range': `bytes ${offset}-${offset + length - 1}/${sizeBytes}` })
  await pipeline(reader.node(), response).catch((error: unknown) => {
    // The client went away: nobody is left to be told.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
  })
}

async function open(
  blobs: HandlerContext['blobs'],
  key: string,
  info: BlobInfo,
  range: ReturnType<typeof parseRange>,
  response: ServerResponse,
): Promise<BlobReader> {
  // HTTP has no empty part: a suffix of 0 bytes cannot be answered with 206 (RFC 9110 §14.1.2).
  const empty = range !== undefined && 'suffix' in range && (range.suffix === 0 || info.sizeBytes === 0)
  try {
    if (empty) throw new PortError('RANGE_NOT_SATISFIABLE')
    return await blobs.get(key, range === undefined ? {} : { range })
  } catch (error) {
    if (PortError.is(error, 'RANGE_NOT_SATISFIABLE')) response.setHeader('accept-ranges', 'bytes')
    throw error
  }
}

function describe(response: ServerResponse, info: BlobInfo, grant: UrlGrant): void {
  const contentType = grant.contentType ?? info.contentType
  const disposition = grant.contentDisposition ?? info.contentDisposition
  const headers: Record<string, string | undefined> = {
    'content-type': contentType,
    'content-disposition': disposition,
    'content-encoding': info.contentEncoding,
    'content-language': info.contentLanguage,
    // The URL stays the same when the blob changes, so a cache must ask again.
    'cache-control': info.cacheControl ?? 'private, no-cache',
    'content-security-policy': ACTIVE.test(contentType)
      ? "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
      : undefined,
    etag: `"${info.etag}"`,
    'last-modified': info.modifiedAt.toUTCString(),
    'accept-ranges': 'bytes',
    'x-content-type-options': 'nosniff',
  }
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) response.setHeader(name, value)
}

/** RFC 9110 §13.2.2: If-Match, then If-None-Match, else If-Modified-Since. */
function conditionStatus({ headers }: IncomingMessage, info: BlobInfo): 304 | 412 | undefined {
  const names = (header: string | undefined): boolean => parseEtags(header).some((tag) => tag === '*' || tag === info.etag)
  if (headers['if-match'] !== undefined && !names(headers['if-match'])) return 412
  if (headers['if-none-match'] !== undefined) return names(headers['if-none-match']) ? 304 : undefined
  const since = Date.parse(headers['if-modified-since'] ?? '')
  return Math.floor(info.modifiedAt.getTime() / 1_000) * 1_000 <= since ? 304 : undefined
}

function ifRangeHolds({ headers }: IncomingMessage, info: BlobInfo): boolean {
  const header = headers['if-range']
  return header === undefined || header === `"${info.etag}"`
}
