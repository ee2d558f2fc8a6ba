import type { Limits, ProxiedRequest, Refusal } from './types.js'

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html, seen in November 2026. */
const MAX_PUT_BYTES = 5 * 1_024 ** 3
const MAX_PARTS = 10_000
const MIN_PART_BYTES = 5 * 1_048_576
const MAX_KEY_BYTES = 1_024
const MAX_METADATA_BYTES = 2_048
const MAX_DELETES = 1_000
const MAX_PAGE = 1_000

/** Path-style addresses, as the emulators are used. Remembers the sizes of the parts, of which all but the last have a minimum. */
export function s3Limits(): Limits {
  const partSizes = new Map<string, Map<number, number>>()
  return {
    check(request) {
      const { method, query, headers, body } = request
      const key = keyOf(request)
      if (Buffer.byteLength(key) > MAX_KEY_BYTES) return refuse('KeyTooLongError', 'Your key is too long')
      if (method === 'PUT') {
        if (sizeOf(request) > MAX_PUT_BYTES) return refuse('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size')
        const part = query.get('partNumber')
        if (part !== null && !(Number(part) >= 1 && Number(part) <= MAX_PARTS))
          return refuse('InvalidArgument', `Part number must be an integer between 1 and ${MAX_PARTS}, inclusive`)
        if (metadataBytes(headers) > MAX_METADATA_BYTES)
          return refuse('MetadataTooLarge', 'Your metadata headers exceed the maximum allowed metadata size.')
      }
      if (method === 'POST' && query.has('delete') && count(body, '<Object>') > MAX_DELETES)
        return refuse('MalformedXML', 'The XML you provided was not well-formed or did not validate against our published schema')
      if (method === 'POST' && query.has('uploadId')) return checkCompletion(body, partSizes.get(query.get('uploadId')!))
      if (method === 'GET' && key === '' && Number(query.get('max-keys') ?? 0) > MAX_PAGE * 1_000)
        return refuse('InvalidArgument', 'Argument maxKeys must be an integer between 0 and 2147483647')
      return undefined
    },
    accepted(request) {
      const { method, query } = request
      const uploadId = query.get('uploadId')
      if (uploadId === null) return
      // A copied part's size is not in its request.
      if (method === 'PUT' && request.headers['x-amz-copy-source'] === undefined) {
        const sizes = partSizes.get(uploadId) ?? new Map<number, number>()
        partSizes.set(uploadId, sizes.set(Number(query.get('partNumber')), sizeOf(request)))
      } else if (method === 'DELETE' || method === 'POST') partSizes.delete(uploadId)
    },
  }
}

function checkCompletion(body: Buffer | undefined, sizes: ReadonlyMap<number, number> | undefined): Refusal | undefined {
  const numbers = [...(body?.toString('utf8') ?? '').matchAll(/<PartNumber>(\d+)<\/PartNumber>/g)].map(([, number]) => Number(number))
  if (numbers.length > MAX_PARTS) return refuse('InvalidArgument', `At most ${MAX_PARTS} parts`)
  if (numbers.some((number, index) => index > 0 && number <= numbers[index - 1]!))
    return refuse(
      'InvalidPartOrder',
      'The list of parts was not in ascending order. The parts list must be specified in order by part number.',
    )
  const small = numbers.slice(0, -1).find((number) => (sizes?.get(number) ?? MIN_PART_BYTES) < MIN_PART_BYTES)
  return small === undefined ? undefined : refuse('EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed object size.')
}

/** The key of a path-style address; empty for the bucket itself. */
function keyOf({ path }: ProxiedRequest): string {
  const encoded = path.split('/').slice(2).join('/')
  try {
    return decodeURIComponent(encoded)
  } catch {
    return encoded
  }
}

function sizeOf({ headers }: ProxiedRequest): number {
  return Number(headers['x-amz-decoded-content-length'] ?? headers['content-length'] ?? 0)
}

function metadataBytes(headers: ProxiedRequest['headers']): number {
  return Object.entries(headers)
    .filter(([name]) => name.startsWith('x-amz-meta-'))
    .reduce((sum, [name, value]) => sum + name.length - 'x-amz-meta-'.length + Buffer.byteLength(String(value)), 0)
}

function count(body: Buffer | undefined, text: string): number {
  return (body?.toString('utf8') ?? '').split(text).length - 1
}

function refuse(code: string, message: string): Refusal {
  return { status: 400, code, message }
}
