import { hash } from 'node:crypto'
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { clientBase, renewing } from '@pdvend/client-aws'
import type { Settings } from './config.js'
import { mayBeExpired } from './errors.js'
import { Transport, type WireRequest } from './transport.js'

/** Under this name a command's input carries its signal: options of `send` would make the SDK build its middleware anew (150 us). */
const SIGNAL = Symbol('signal')

/** A client and what lies under it. */
export interface Store {
  readonly client: S3Client
  readonly transport: Transport
  readonly bucket: string
}

/** The client of every call with the store. The port retries, so the SDK does not; checksums are the driver's own. */
export function openStore(settings: Settings): Store {
  const transport = new Transport(settings.maxSockets, settings.requestTimeoutMs)
  const client = new S3Client({
    ...sharedConfig(settings),
    requestHandler: transport as unknown as NonNullable<S3ClientConfig['requestHandler']>,
  })
  const md5 = settings.checksums === 'md5'
  client.middlewareStack.add(
    (next, { commandName }) =>
      (args) => {
        const { request } = args as unknown as { request: MutableRequest }
        finish(request, commandName ?? '', md5)
        if (settings.account !== undefined) request.headers['x-amz-expected-bucket-owner'] = settings.account
        return next(args)
      },
    { step: 'build', priority: 'low', name: 'pdvendHeaders' },
  )
  client.middlewareStack.add(
    (next) => (args) => {
      const { request, input } = args as unknown as { request: { signal?: unknown }; input: { [SIGNAL]?: AbortSignal } }
      request.signal = input[SIGNAL]
      return next(args)
    },
    { step: 'deserialize', priority: 'low', name: 'pdvendSignal' },
  )
  return { client: renewing(client, mayBeExpired), transport, bucket: settings.bucket }
}

/**
 * The client that signs URLs: its requests never leave, and nothing is added to them. With the first one's settings a signed PUT
 * would hold the checksum of an empty body [B108].
 */
export function openSigningClient(settings: Settings, signedPut: SignedPut): S3Client {
  const address = settings.publicEndpoint ?? settings.endpoint
  const client = new S3Client({
    ...sharedConfig(settings),
    ...(address === undefined ? {} : { endpoint: address }),
    cacheMiddleware: false,
  })
  if (signedPut === 'guarded')
    client.middlewareStack.add(
      (next, { commandName }) =>
        (args) => {
          const { request } = args as unknown as { request: MutableRequest & { query: Record<string, string> } }
          if (commandName === 'PutObjectCommand') request.headers[COPY_SOURCE] = request.query[COPY_SOURCE] = ''
          return next(args)
        },
      { step: 'build', name: 'pdvendGuard' },
    )
  return client
}

/**
 * [B115] S3 refuses headers that a signed URL does not name. MinIO carries out a copy that such a header asks for, of any blob
 * (CVE-2026-97731), and is not alone. `guarded`: the header is signed as an empty one, which such a store finds in the query.
 * `unsafe`: that does not help either, and no URL is signed.
 */
export type SignedPut = 'plain' | 'guarded' | 'unsafe'

export const COPY_SOURCE = 'x-amz-copy-source'

function sharedConfig(settings: Settings): S3ClientConfig {
  return {
    ...clientBase('aws-s3', 'PDVEND_BLOB', settings),
    forcePathStyle: settings.pathStyle ?? settings.endpoint !== undefined,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    expectContinueHeader: false,
    cacheMiddleware: true,
  }
}

/** A command that ends when `signal` aborts. */
export function cancellable<C extends { readonly input: object }>(command: C, signal: AbortSignal): C {
  Object.defineProperty(command.input, SIGNAL, { value: signal, enumerable: true })
  return command
}

type MutableRequest = { -readonly [Field in keyof WireRequest]: WireRequest[Field] } & { headers: Record<string, string> }

/** What the SDK's options do not offer; before the request is signed. */
function finish(request: MutableRequest, commandName: string, md5: boolean): void {
  const { headers } = request
  // Asked for by the option, the SDK would check the answer in JavaScript; the body's reader does it natively. A range has none.
  if (commandName === 'GetObjectCommand' && headers.range === undefined) headers['x-amz-checksum-mode'] = 'ENABLED'
  // TLS and the CRC-32, which is signed, protect the body: hashing 8 MiB a second time costs 5 ms of CPU.
  if (request.protocol === 'https:' && headers['x-amz-checksum-crc32'] !== undefined) headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD'
  if (md5) toMd5(request)
}

/** Older stores want Content-MD5 where the SDK sends CRC-32, and know no checksum header. */
function toMd5({ headers, body }: MutableRequest): void {
  for (const name of Object.keys(headers))
    if (name.startsWith('x-amz-checksum-') || name === 'x-amz-sdk-checksum-algorithm') Reflect.deleteProperty(headers, name)
  if (body instanceof Uint8Array || typeof body === 'string') headers['content-md5'] = hash('md5', body, 'base64')
}
