import type { IncomingMessage, ServerResponse } from 'node:http'
import { join, resolve } from 'node:path'
import { type BlobStorage, type Clock, type Logger, PortError, readSettings, type Secret, silentLogger, systemClock } from '@pdvend/ports'
import { config } from '../blob/config.js'
import { fail } from '../blob/errors.js'
import { readSigningKey } from '../blob/signing-key.js'
import { UrlSigner } from '../blob/url-signer.js'
import { mkdir } from 'node:fs/promises'
import { allowOrigin, answerPreflight } from './cross-origin.js'
import { download } from './download.js'
import { answerFailure, refuse } from './failure.js'
import { uploadForm } from './form.js'
import { upload } from './upload.js'

export interface BlobHandlerOptions {
  /** Where `PDVEND_LOCAL_DIR`, `PDVEND_BLOB_URL` and `PDVEND_BLOB_SIGNING_KEY` are read, as the adapter reads them. Default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Origins whose pages may use signed URLs by script, e.g. `https://loja.example.com`; `*` = all. Default: only the page's own. */
  readonly origins?: readonly string[]
  readonly clock?: Clock
  readonly log?: Logger
}

/** For `http.createServer(handler)`, Express `app.use(handler)`, or Fastify with `reply.hijack()` and the raw request and response. Never rejects. */
export type BlobHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/** What the parts of the handler work with. */
export interface HandlerContext {
  readonly blobs: BlobStorage
  readonly signer: UrlSigner
  readonly clock: Clock
}

/**
 * Serves the signed URLs and forms of `local-blob` at the path of `PDVEND_BLOB_URL`: GET and HEAD with ranges and
 * conditions, PUT bound to type and size, POST forms with a size range [B104–B109]. Nothing is served without a valid
 * signature: verified in constant time, bound to method, key and expiry. `blobs` is the whole store, not a scope: a
 * signed key is the full one.
 * @throws CONFIG_INVALID when a setting is wrong | PERMISSION_DENIED when the directory cannot be used
 */
export async function createBlobHandler(blobs: BlobStorage, options: BlobHandlerOptions = {}): Promise<BlobHandler> {
  const { env = process.env, origins = [], clock = systemClock, log = silentLogger } = options
  const read = await readSettings(config, env)
  if (read.problems !== undefined) {
    const detail = read.problems.map(({ env: name, got, wants }) => `${name}: got ${got}; ${wants}`).join('; ')
    throw new PortError('CONFIG_INVALID', { adapter: 'local-blob', operation: 'open', detail })
  }
  const { settings } = read
  const signer = new UrlSigner(settings.url, await keyOf(join(resolve(settings.directory), 'blob'), settings.signingKey))
  const context: HandlerContext = { blobs, signer, clock }

  return async (request, response) => {
    try {
      allowOrigin(request, response, origins)
      await serve(context, request, response)
    } catch (error) {
      log.warn({ code: PortError.is(error) ? error.code : 'INTERNAL', method: request.method }, 'a signed request failed')
      answerFailure(request, response, error)
    }
  }
}

async function keyOf(directory: string, setting: Secret | undefined): Promise<Buffer> {
  try {
    await mkdir(directory, { recursive: true })
    return await readSigningKey(directory, setting)
  } catch (cause) {
    throw fail('open', cause)
  }
}

async function serve(context: HandlerContext, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // Express cuts the mount path off `url` and keeps the whole in `originalUrl`.
  const whole = (request as { originalUrl?: string }).originalUrl ?? request.url ?? '/'
  const { path } = context.signer
  const below = whole.startsWith(path) ? whole.slice(path.length) : undefined
  const atBase = below !== undefined && /^\/?(\?|$)/.test(below)
  if (below === undefined || !(atBase || below.startsWith('/'))) return refuse(request, response, 404, 'NOT_FOUND')
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return download(context, request, response, below.slice(1))
    case 'PUT':
      return upload(context, request, response, below.slice(1))
    case 'POST':
      if (atBase) return uploadForm(context, request, response)
      break
    case 'OPTIONS':
      return answerPreflight(response)
  }
  response.setHeader('allow', atBase ? 'POST, OPTIONS' : 'GET, HEAD, PUT, OPTIONS')
  return refuse(request, response, 405, 'UNSUPPORTED')
}
