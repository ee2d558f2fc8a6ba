import { type BlobDriver, type BlobInfo, PortError, resolveRange } from '../../src/index.js'

/** A driver over a map: enough to see what the port hands down. */
export function memoryDriver({ onKey = () => undefined }: { onKey?: (key: string) => unknown } = {}): BlobDriver {
  const blobs = new Map<string, { info: BlobInfo; bytes: Buffer }>()
  let version = 0
  const find = (key: string): { info: BlobInfo; bytes: Buffer } => {
    onKey(key)
    const found = blobs.get(key)
    if (found === undefined) throw new PortError('NOT_FOUND', { target: key })
    return found
  }
  return {
    limits: { maxBytes: 1_000_000, maxMetadataBytes: 2_048, maxPageSize: 1_000, maxDeleteBatch: 100, maxSignedMs: 3_600_000 },
    async put(key, body, { signal: _signal, condition, ...attributes }) {
      onKey(key)
      const chunks: Uint8Array[] = []
      for await (const chunk of body.stream) chunks.push(chunk)
      const current = blobs.get(key)?.info.etag
      if (condition !== undefined && ('create' in condition ? current !== undefined : current !== condition.replace))
        throw new PortError('PRECONDITION_FAILED')
      const bytes = Buffer.concat(chunks)
      const info: BlobInfo = { ...attributes, key, sizeBytes: bytes.byteLength, etag: `v${++version}`, modifiedAt: new Date() }
      blobs.set(key, { info, bytes })
      return info
    },
    async get(key, { range: asked }) {
      const { info, bytes } = find(key)
      const range = resolveRange(asked, bytes.byteLength)
      if (range === undefined) throw new PortError('RANGE_NOT_SATISFIABLE')
      const body = async function* (): AsyncGenerator<Uint8Array> {
        if (range.length > 0) yield bytes.subarray(range.offset, range.offset + range.length)
      }
      return { info, range, body: body() }
    },
    head: async (key) => find(key).info,
    async list({ prefix, delimiter }) {
      const entries = new Map<string, Awaited<ReturnType<BlobDriver['list']>>['entries'][number]>()
      for (const [key, { info }] of [...blobs].sort(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other)))) {
        if (!key.startsWith(prefix)) continue
        const at = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length)
        const group = at < 0 ? undefined : key.slice(0, at + delimiter!.length)
        if (group === undefined)
          entries.set(key, { kind: 'blob', key, sizeBytes: info.sizeBytes, etag: info.etag, modifiedAt: info.modifiedAt })
        else entries.set(group, { kind: 'prefix', prefix: group })
      }
      return { entries: [...entries.values()] }
    },
    async copy(from, to) {
      onKey(to)
      const { info, bytes } = find(from)
      const copy = { ...info, key: to, etag: `v${++version}` }
      blobs.set(to, { info: copy, bytes })
      return copy
    },
    async delete(key) {
      onKey(key)
      blobs.delete(key)
    },
    async deleteMany(keys) {
      for (const key of keys) blobs.delete(key)
      return keys.map(() => undefined)
    },
    sign: () => Promise.reject(new PortError('UNSUPPORTED')),
    ping: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
}
