import { type BlobAttributes, type BlobBody, type BlobDriver, type DriverBlob, PortError } from '@pdvend/ports'
import type { Mutant } from '../case.js'
import { altered } from './altered.js'

async function gather(stream: AsyncIterable<Uint8Array>, onError: 'throw' | 'publish'): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  try {
    for await (const chunk of stream) chunks.push(chunk)
  } catch (error) {
    if (onError === 'throw') throw error
  }
  return Buffer.concat(chunks)
}

function inMemory(bytes: Uint8Array): BlobBody {
  const stream = async function* (): AsyncGenerator<Uint8Array> {
    if (bytes.byteLength > 0) yield bytes
  }
  return { bytes, sizeBytes: bytes.byteLength, stream: { [Symbol.asyncIterator]: stream } }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

function mutant(name: string, fault: string, clauses: readonly string[], mutate: (driver: BlobDriver) => BlobDriver): Mutant<'blob'> {
  return { name, fault, clauses, mutate }
}

/** Faults that real adapters have had. */
export const mutants: readonly Mutant<'blob'>[] = [
  mutant('torn read', 'the second half of a large body comes from whatever version is there by then', ['B57', 'B77'], (driver) =>
    altered(driver, {
      async get(inner, key, options) {
        const first = await inner.get(key, options)
        const { offset, length } = first.range
        if (length < 100_000) return first
        const half = Math.floor(length / 2)
        const body = async function* (): AsyncGenerator<Uint8Array> {
          yield (await gather(first.body, 'throw')).subarray(0, half)
          await new Promise((resolve) => setTimeout(resolve, 2))
          const rest = await inner.get(key, { signal: options.signal })
          yield (await gather(rest.body, 'throw')).subarray(offset + half, offset + length)
        }
        return { ...first, body: body() }
      },
    }),
  ),
  mutant('condition lost on streams', 'the condition is sent only with bodies of known size', ['B66'], (driver) =>
    altered(driver, {
      put(inner, key, body, options) {
        if (body.bytes !== undefined) return inner.put(key, body, options)
        const { condition: _lost, ...rest } = options
        return inner.put(key, body, rest)
      },
    }),
  ),
  mutant(
    'condition checked too early',
    'the condition is checked before the body is read, not when it is published',
    ['B66', 'B62'],
    (driver) =>
      altered(driver, {
        async put(inner, key, body, { condition, ...options }) {
          const current = await inner.head(key, options).catch(() => undefined)
          const holds = condition === undefined || ('create' in condition ? current === undefined : current?.etag === condition.replace)
          if (!holds) throw new PortError('PRECONDITION_FAILED')
          return inner.put(key, body, options)
        },
      }),
  ),
  mutant('abort publishes', 'what had come when the caller gave up is published', ['B49', 'B48'], (driver) =>
    altered(driver, {
      async put(inner, key, body, options) {
        const { sha256: _none, ...whole } = inMemory(await gather(body.stream, 'publish'))
        return inner.put(key, whole, { ...options, signal: new AbortController().signal })
      },
    }),
  ),
  mutant('short source accepted', 'the end of a connection is taken for the end of the body', ['B50', 'B48'], (driver) =>
    altered(driver, {
      async put(inner, key, body, options) {
        return inner.put(key, inMemory(await gather(body.stream, 'publish')), options)
      },
    }),
  ),
  mutant('missing is internal', 'a missing blob is reported as INTERNAL', ['B4'], (driver) => {
    const hide = (error: unknown): never => {
      throw PortError.is(error, 'NOT_FOUND') ? new PortError('INTERNAL') : error
    }
    return altered(driver, {
      get: (inner, key, options) => inner.get(key, options).catch(hide),
      head: (inner, key, call) => inner.head(key, call).catch(hide),
    })
  }),
  mutant(
    'dots resolved',
    'keys are joined like file paths, so that dots and double slashes are resolved',
    ['B36', 'B17', 'B41'],
    (driver) => {
      const resolve = (key: string): string =>
        key
          .replace(/\/+/g, '/')
          .replace(/\\/g, '/')
          .replace(/(?:^|\/)[^/]+\/\.\.(?=\/|$)/g, '')
      return renamed(driver, resolve)
    },
  ),
  mutant('case folded', 'two keys that differ in case become one, as on a case-blind disk', ['B40'], (driver) =>
    renamed(driver, (key) => key.toLowerCase()),
  ),
  mutant('accents normalised', 'composed and decomposed accents become one key', ['B39'], (driver) =>
    renamed(driver, (key) => key.normalize('NFC')),
  ),
  mutant('content type ignored', 'every blob is application/octet-stream', ['B89'], (driver) =>
    altered(driver, { put: (inner, key, body, options) => inner.put(key, body, { ...options, contentType: 'application/octet-stream' }) }),
  ),
  mutant('metadata of before', 'an overwrite keeps metadata of the version before', ['B3'], (driver) => {
    const before = new Map<string, BlobAttributes['metadata']>()
    return altered(driver, {
      put(inner, key, body, options) {
        const metadata = { ...before.get(key), ...options.metadata }
        before.set(key, metadata)
        return inner.put(key, body, { ...options, metadata })
      },
    })
  }),
  mutant('partial failure is success', 'what could not be deleted is reported as deleted', ['B84'], (driver) =>
    altered(driver, {
      async deleteMany(inner, keys, call) {
        await inner.deleteMany(keys.slice(0, Math.ceil(keys.length / 2)), call)
        return keys.map(() => undefined)
      },
    }),
  ),
  mutant('digest not verified', 'what came is published although it does not fit the given digest', ['B97'], (driver) =>
    altered(driver, {
      put: (inner, key, body, options) => gather(body.stream, 'publish').then((bytes) => inner.put(key, inMemory(bytes), options)),
    }),
  ),
  mutant('range end included', 'the end of a range is taken as the last byte', ['B72'], (driver) =>
    altered(driver, {
      get(inner, key, options) {
        const { range } = options
        if (range === undefined || 'suffix' in range || range.length === undefined) return inner.get(key, options)
        return inner.get(key, { ...options, range: { ...range, length: range.length + 1 } })
      },
    }),
  ),
  mutant('length of the range as size', 'the size of a range is reported as that of the blob', ['B75', 'B72'], (driver) =>
    altered(driver, {
      async get(inner, key, options) {
        const blob = await inner.get(key, options)
        return { ...blob, info: { ...blob.info, sizeBytes: blob.range.length } }
      },
    }),
  ),
  mutant('listing by UTF-16', 'a listing is sorted as JavaScript sorts, not by bytes', ['B79'], (driver) =>
    altered(driver, {
      async list(inner, options) {
        const page = await inner.list(options)
        const nameOf = (entry: (typeof page.entries)[number]): string => (entry.kind === 'blob' ? entry.key : entry.prefix)
        return { ...page, entries: [...page.entries].sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1)) }
      },
    }),
  ),
  mutant('page border lost', 'the first key of every next page is missing', ['B78', 'B84'], (driver) =>
    altered(driver, {
      async list(inner, options) {
        const page = await inner.list(options)
        return options.cursor === undefined ? page : { ...page, entries: page.entries.slice(1) }
      },
    }),
  ),
  mutant('etag of the content', 'the etag that put answers is not the one of head and get', ['B10', 'B8'], (driver) =>
    altered(driver, { put: async (inner, key, body, options) => ({ ...(await inner.put(key, body, options)), etag: `w-${Date.now()}` }) }),
  ),
  mutant('short read', 'a broken connection ends a body as if it were complete', ['B1', 'B43'], (driver) =>
    altered(driver, {
      async get(inner, key, options): Promise<DriverBlob> {
        const blob = await inner.get(key, options)
        const bytes = await gather(blob.body, 'throw')
        return bytes.byteLength < 1_000
          ? { ...blob, body: once(bytes) }
          : { ...blob, range: { ...blob.range, length: bytes.byteLength - 1 }, body: once(bytes.subarray(0, -1)) }
      },
    }),
  ),
]

/** A driver that stores under other names, and answers as if it did not. */
function renamed(driver: BlobDriver, rename: (key: string) => string): BlobDriver {
  return altered(driver, {
    put: async (inner, key, body, options) => ({ ...(await inner.put(rename(key), body, options)), key }),
    get: (inner, key, options) => inner.get(rename(key), options),
    head: (inner, key, call) => inner.head(rename(key), call),
    delete: (inner, key, options) => inner.delete(rename(key), options),
    copy: (inner, from, to, options) => inner.copy(rename(from), rename(to), options),
    deleteMany: (inner, keys, call) => inner.deleteMany(keys.map(rename), call),
  })
}
