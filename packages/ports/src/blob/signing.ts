import type { CallOptions } from '../call.js'
import type { Calls } from '../calls.js'
import { invalid, type PortErrorDetails } from '../errors.js'
import { checkContentType, checkHeader } from './attributes.js'
import { sniffContentType } from './content-types.js'
import type { BlobCapabilities, BlobDriver, SignRequest } from './driver.js'
import { checkKey } from './keys.js'
import type { PostPolicy, SignGetOptions, SignPutOptions } from './options.js'
import type { SignedForm, SignedUrl } from './types.js'

/** How long a signed URL is good where nobody says, in milliseconds. */
export const DEFAULT_SIGNED_MS = 900_000

/** URLs and forms that let a browser read or write one blob without the app in between; each is good for one key, one method and a time. */
export interface BlobSigner {
  /** [B104] Needs capability `signedUrls`. */
  get(key: string, options?: SignGetOptions & CallOptions): Promise<SignedUrl>
  /** [B105] The request must send `SignedUrl.headers` as they are. Needs capability `signedUrls`. */
  put(key: string, options?: SignPutOptions & CallOptions): Promise<SignedUrl>
  /** [B106] A form whose size range the store enforces. Needs capability `signedPost`. */
  post(key: string, policy: PostPolicy & CallOptions): Promise<SignedForm>
}

/** The signer of a store or of a scope: `prefix` stands before every key. */
export function openSigner(calls: Calls, driver: BlobDriver, capabilities: BlobCapabilities, prefix: string): BlobSigner {
  const sign = async (
    capability: 'signedUrls' | 'signedPost',
    key: string,
    options: CallOptions | undefined,
    make: (fullKey: string, place: PortErrorDetails) => SignRequest,
  ) => {
    const operation = 'sign'
    const place = { adapter: calls.adapter, operation }
    calls.require(capabilities, capability, operation)
    checkKey(key, prefix, 'key', place)
    const request = make(prefix + key, { ...place, target: key })
    return calls.run({ operation, target: key, options, attributes: { 'pdvend.blob.method': request.method } }, () => driver.sign(request))
  }
  const expiry = (ttlMs: number | undefined, place: PortErrorDetails): Date => {
    const { maxSignedMs } = driver.limits
    const lifeMs = ttlMs ?? Math.min(DEFAULT_SIGNED_MS, maxSignedMs)
    if (!(lifeMs >= 1_000 && lifeMs <= maxSignedMs)) throw invalid('ttlMs', ttlMs, `give 1,000 to ${maxSignedMs} milliseconds`, place)
    return new Date(calls.clock.now() + lifeMs)
  }
  const size = (field: string, value: unknown, place: PortErrorDetails): number => {
    if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
    throw invalid(field, value, 'give a whole number of bytes from 0', place)
  }
  const typeOf = (key: string, contentType: string | undefined, place: PortErrorDetails): string =>
    contentType === undefined ? sniffContentType(key) : checkContentType(contentType, place)

  return {
    get: (key, options = {}) =>
      sign('signedUrls', key, options, (fullKey, place) => ({
        method: 'GET',
        key: fullKey,
        expiresAt: expiry(options.ttlMs, place),
        ...(options.contentType === undefined ? {} : { contentType: checkContentType(options.contentType, place) }),
        ...(options.contentDisposition === undefined
          ? {}
          : { contentDisposition: checkHeader('contentDisposition', options.contentDisposition, place) }),
      })) as Promise<SignedUrl>,
    put: (key, options = {}) =>
      sign('signedUrls', key, options, (fullKey, place) => ({
        method: 'PUT',
        key: fullKey,
        expiresAt: expiry(options.ttlMs, place),
        contentType: typeOf(key, options.contentType, place),
        ...(options.sizeBytes === undefined ? {} : { sizeBytes: size('sizeBytes', options.sizeBytes, place) }),
      })) as Promise<SignedUrl>,
    post: (key, policy) =>
      sign('signedPost', key, policy, (fullKey, place) => {
        const minBytes = size('minBytes', policy?.minBytes ?? 0, place)
        const maxBytes = size('maxBytes', policy?.maxBytes, place)
        if (minBytes > maxBytes) throw invalid('minBytes', minBytes, `give at most maxBytes (${maxBytes})`, place)
        return {
          method: 'POST',
          key: fullKey,
          expiresAt: expiry(policy.ttlMs, place),
          contentType: typeOf(key, policy.contentType, place),
          minBytes,
          maxBytes,
        }
      }) as Promise<SignedForm>,
  }
}
