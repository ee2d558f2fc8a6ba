import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { Busboy } from '@fastify/busboy'
import { type BlobInfo, PortError } from '@pdvend/ports'
import type { FormGrant } from '../blob/url-signer.js'
import { refuse } from './failure.js'
import type { HandlerContext } from './index.js'

/** A form has two short fields, then the file; more is refused before it costs memory. */
const LIMITS = { fields: 8, fieldSize: 16_384, files: 1, headerPairs: 16 }

/** POST of a form: `policy`, `signature`, then the file as `file` [B106]. The size range holds while the bytes come in. */
export async function uploadForm(context: HandlerContext, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const contentType = request.headers['content-type'] ?? ''
  if (!/^multipart\/form-data;/i.test(contentType)) return refuse(request, response, 415, 'INVALID_ARGUMENT')
  const info = await receive(context, request, contentType)
  response.writeHead(204, { etag: `"${info.etag}"`, 'x-content-type-options': 'nosniff' }).end()
}

async function receive({ blobs, signer, clock }: HandlerContext, request: IncomingMessage, contentType: string): Promise<BlobInfo> {
  const parser = openParser(request, contentType)
  return new Promise((resolve, reject) => {
    const gone = new AbortController()
    const fields = new Map<string, string>()
    let storing: Promise<BlobInfo> | undefined
    const end = (settle: () => void): void => {
      request.unpipe(parser)
      request.off('close', onClose)
      settle()
    }
    const fail = (error: unknown): void =>
      end(() => {
        gone.abort(PortError.is(error) ? error : bad('the form cannot be read'))
        reject(PortError.is(error) ? error : bad('the form cannot be read'))
      })
    const onClose = (): void => {
      if (!request.complete) fail(new PortError('CANCELED', { detail: 'the client went away' }))
    }
    request.once('close', onClose)
    parser.on('field', (name, value, _nameCut, valueCut) => {
      if (valueCut || fields.has(name)) fail(bad('a field is too long or comes twice'))
      fields.set(name, value)
    })
    parser.on('file', (name, file) => {
      const verdict = signer.verifyForm(fields.get('policy') ?? '', fields.get('signature') ?? '', clock.now())
      // A stream that is not read any more must not bring the process down with its error.
      file.on('error', () => undefined)
      if (name !== 'file' || storing !== undefined || 'refused' in verdict) {
        file.resume()
        return fail(new PortError('PERMISSION_DENIED', { detail: 'the form is not signed, was changed, or is too old' }))
      }
      const { grant } = verdict
      storing = blobs.put(grant.key, sized(file, grant), { contentType: grant.contentType, signal: gone.signal })
      storing.catch(fail)
    })
    parser.on('error', fail)
    parser.on('finish', () => {
      if (storing === undefined) return fail(bad('the form has no file'))
      storing.then((info) => end(() => resolve(info)), fail)
    })
    request.pipe(parser)
  })
}

const bad = (detail: string): PortError => new PortError('INVALID_ARGUMENT', { detail })

/** @throws INVALID_ARGUMENT for a content type without a boundary */
function openParser(request: IncomingMessage, contentType: string): InstanceType<typeof Busboy> {
  try {
    return new Busboy({ headers: { ...request.headers, 'content-type': contentType }, limits: LIMITS })
  } catch {
    throw bad('the form names no boundary')
  }
}

/** The file's bytes, ended by an error when they are more or fewer than the policy allows. */
async function* sized(file: Readable, { minBytes, maxBytes }: FormGrant): AsyncGenerator<Uint8Array, void> {
  let total = 0
  for await (const chunk of file as AsyncIterable<Uint8Array>) {
    total += chunk.byteLength
    if (total > maxBytes) throw new PortError('TOO_LARGE', { detail: `more than the ${maxBytes} bytes of the policy` })
    yield chunk
  }
  if (total < minBytes) throw new PortError('INVALID_ARGUMENT', { detail: `fewer than the ${minBytes} bytes of the policy` })
}
