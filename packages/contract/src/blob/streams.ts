import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import type { BlobDriver, BlobSource, BlobStorage, DriverBlob } from '@pdvend/ports'
import { PortError } from '@pdvend/ports'
import { type BlobCase, chunked, cut, ownStore, pattern, read, readText, refused, sameBytes } from './kit.js'
import { altered } from './altered.js'

/** S3's smallest part: what is larger is written in several by engines that have parts. */
const PART = 5 * 1_048_576

export const streams: readonly BlobCase[] = [
  {
    id: 'B43',
    title: 'a stream of unknown length: three parts and a tail',
    timeoutMs: 60_000,
    async run(subject) {
      const blobs = await ownStore(subject)
      const body = pattern(3 * PART + 12_345)
      const info = await blobs.put('k', chunked(cut(body, 100_003)))
      assert.equal(info.sizeBytes, body.byteLength)
      sameBytes(await read(blobs, 'k'), body)
    },
  },
  {
    id: 'B44',
    title: 'streams that end at a boundary, before it and after it',
    timeoutMs: 60_000,
    async run(subject) {
      const blobs = await ownStore(subject)
      for (const length of [65_535, 65_536, 65_537, 262_143, 262_144, 262_145, 524_288, PART - 1, PART, PART + 1]) {
        const body = pattern(length, length)
        await blobs.put('k', chunked(cut(body, 65_536)))
        sameBytes(await read(blobs, 'k'), body, `${length} bytes`)
      }
    },
  },
  {
    id: 'B45',
    title: 'a reader that stops pulling stops the engine, a slow engine stops the source: memory stays bounded',
    async run(subject) {
      let pulled = 0
      let release: (() => void) | undefined
      const held = new Promise<void>((resolve) => (release = resolve))
      const wrap = (driver: never): unknown =>
        altered(driver as BlobDriver, {
          put: async (inner, key, body, options) => {
            const slow = async function* (): AsyncGenerator<Uint8Array> {
              for await (const chunk of body.stream) {
                yield chunk
                await held
              }
            }
            const { bytes: _bytes, ...rest } = body
            return inner.put(key, { ...rest, stream: slow() }, options)
          },
        })
      const blobs = await ownStore(subject, { wrap })
      const writing = blobs.put(
        'k',
        chunked(cut(pattern(64 * 65_536), 65_536), () => void pulled++),
      )
      await new Promise((resolve) => setTimeout(resolve, 50))
      assert.ok(pulled <= 2, `the source was pulled ${pulled} times while the engine took one chunk`)
      release?.()
      await writing
      assert.equal((await blobs.head('k')).sizeBytes, 64 * 65_536)
    },
  },
  {
    id: 'B46',
    title: '64 chunks of one byte, and empty chunks between',
    async run(subject) {
      const blobs = await ownStore(subject)
      const body = pattern(64)
      await blobs.put('k', chunked(cut(body, 1).flatMap((chunk) => [chunk, new Uint8Array()])))
      sameBytes(await read(blobs, 'k'), body)
    },
  },
  {
    id: 'B47',
    title: 'text, bytes, Blob, web stream, Node stream, async iterable and { open } are all sources',
    async run(subject) {
      const blobs = await ownStore(subject)
      const body = pattern(200_000)
      const shifted = new Uint8Array(new Uint8Array([0, ...body]).buffer, 1)
      const sources: Record<string, () => BlobSource> = {
        bytes: () => body,
        view: () => shifted,
        buffer: () => Buffer.from(body),
        blob: () => new Blob([body as Uint8Array<ArrayBuffer>]),
        web: () => new Blob([body as Uint8Array<ArrayBuffer>]).stream() as ReadableStream<Uint8Array>,
        node: () => Readable.from(cut(body, 10_000)),
        iterable: () => chunked(cut(body, 7_777)),
        open: () => ({ open: () => chunked(cut(body, 50_000)), sizeBytes: body.byteLength }),
      }
      for (const [name, source] of Object.entries(sources)) {
        await blobs.put(name, source())
        sameBytes(await read(blobs, name), body, name)
      }
      await blobs.put('text', 'ação €𝄞')
      assert.equal(await readText(blobs, 'text'), 'ação €𝄞')
      await using reader = await blobs.get('bytes')
      const parts: Uint8Array[] = []
      for await (const chunk of reader.node()) parts.push(chunk as Uint8Array)
      sameBytes(Buffer.concat(parts), body, 'node()')
      await using web = await blobs.get('bytes')
      sameBytes(new Uint8Array(await new Response(web.stream() as never).arrayBuffer()), body, 'stream()')
      for (const source of [7, null, undefined, {}, [body]]) await refused(blobs.put('k', source as never), 'INVALID_ARGUMENT')
    },
  },
  {
    id: 'B48',
    title: 'a source that fails rejects the write and leaves the old blob',
    async run(subject) {
      const blobs = await ownStore(subject)
      const old = await blobs.put('k', 'old')
      for (const at of [0, 1, 30]) {
        const broken = chunked(cut(pattern(40 * 65_536), 65_536), (index) => {
          if (index === at) throw new Error('disk of the source broke')
        })
        const error = await refused(blobs.put('k', broken), 'INVALID_ARGUMENT')
        assert.match(String((error.cause as Error).message), /disk of the source broke/)
        assert.equal(error.outcome, 'not-applied')
      }
      assert.equal(await readText(blobs, 'k'), 'old')
      assert.equal((await blobs.head('k')).etag, old.etag)
    },
  },
  {
    id: 'B49',
    title: 'an abort before the first byte, in the middle or after the last publishes nothing, then or later',
    async run(subject) {
      const blobs = await ownStore(subject)
      const old = await blobs.put('k', 'old')
      const body = cut(pattern(40 * 65_536), 65_536)
      for (const at of [0, 1, 20, 39, 40]) {
        const abort = new AbortController()
        const source = async function* (): AsyncGenerator<Uint8Array> {
          for (const [index, chunk] of body.entries()) {
            if (index === at) abort.abort(new Error('changed my mind'))
            yield chunk
          }
          if (at === body.length) abort.abort(new Error('changed my mind'))
        }
        await refused(blobs.put('k', source(), { signal: abort.signal }), 'CANCELED')
      }
      const before = new AbortController()
      before.abort()
      await refused(blobs.put('k', 'new', { signal: before.signal }), 'CANCELED')
      await new Promise((resolve) => setTimeout(resolve, 2_000))
      assert.equal(await readText(blobs, 'k'), 'old')
      assert.equal((await blobs.head('k')).etag, old.etag)
    },
  },
  {
    id: 'B50',
    title: 'a declared length that is too long or too short fails and publishes nothing',
    async run(subject) {
      const blobs = await ownStore(subject)
      await blobs.put('k', 'old')
      for (const [length, declared] of [
        [100, 99],
        [100, 101],
        [300_000, 299_999],
        [300_000, 300_001],
        [0, 1],
      ] as const) {
        const body = cut(pattern(length), 60_000)
        await refused(blobs.put('k', chunked(body), { sizeBytes: declared }), 'INVALID_ARGUMENT')
        await refused(blobs.put('k', { open: () => chunked(body), sizeBytes: declared }), 'INVALID_ARGUMENT')
        await refused(blobs.put('k', pattern(length), { sizeBytes: declared }), 'INVALID_ARGUMENT')
      }
      assert.equal(await readText(blobs, 'k'), 'old')
      await blobs.put('k', chunked([pattern(100)]), { sizeBytes: 100 })
      assert.equal((await blobs.head('k')).sizeBytes, 100)
    },
  },
  {
    id: 'B51',
    title: 'a source that is dropped without an end publishes nothing before its end',
    async run(subject) {
      const blobs = await ownStore(subject)
      let end: (() => void) | undefined
      const held = new Promise<void>((resolve) => (end = resolve))
      const source = async function* (): AsyncGenerator<Uint8Array> {
        yield pattern(400_000)
        await held
      }
      const abort = new AbortController()
      const writing = blobs.put('k', source(), { signal: abort.signal })
      await new Promise((resolve) => setTimeout(resolve, 50))
      assert.equal(await blobs.exists('k'), false)
      abort.abort()
      await refused(writing, 'CANCELED')
      end?.()
      assert.equal(await blobs.exists('k'), false)
    },
  },
  {
    id: 'B53',
    title: 'after aborts and failed sources no part and no file of them stays behind',
    engine: ['leftovers'],
    async run(subject) {
      const blobs = await ownStore(subject)
      for (let round = 0; round < 4; round++) {
        const abort = new AbortController()
        const source = chunked(cut(pattern(20 * 65_536), 65_536), (index) => {
          if (index === 10 && round % 2 === 0) abort.abort()
          if (index === 10 && round % 2 === 1) throw new Error('broken')
        })
        await assert.rejects(blobs.put('k', source, { signal: abort.signal }))
      }
      await blobs.put('k', pattern(400_000))
      await blobs.put('k', pattern(500_000))
      await blobs.delete('k')
      const deadline = Date.now() + 5_000
      for (;;) {
        const left = await subject.engine.leftovers!()
        if (left.length === 0) return
        if (Date.now() > deadline) assert.deepEqual(left, [])
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    },
  },
  {
    id: 'B54',
    title: 'a write of a body in memory honours the abort, too',
    async run(subject) {
      const blobs = await ownStore(subject)
      await blobs.put('k', 'old')
      for (const body of [pattern(10), pattern(400_000)]) {
        const abort = new AbortController()
        const writing = blobs.put('k', body, { signal: abort.signal })
        abort.abort()
        await refused(writing, 'CANCELED')
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
      assert.equal(await readText(blobs, 'k'), 'old')
    },
  },
  {
    id: 'B55',
    title: 'a reader that is disposed early frees what it holds, 200 times',
    timeoutMs: 60_000,
    async run(subject) {
      const blobs = await ownStore(subject)
      await blobs.put('k', pattern(2_000_000))
      for (let round = 0; round < 200; round++) await leaveEarly(blobs, round)
      sameBytes(await read(blobs, 'k'), pattern(2_000_000))
    },
  },
  {
    id: 'B56',
    title: 'a body that breaks off in the middle is resumed or fails, and is never short in silence',
    async run(subject) {
      const body = pattern(1_000_000)
      let opened = 0
      const breaking = (ending: 'throws' | 'ends') => (driver: never) =>
        altered(driver as BlobDriver, {
          get: async (inner, key, options) => {
            const blob = await inner.get(key, options)
            return opened++ < 3 ? brokenOff(blob, ending) : blob
          },
        })
      for (const ending of ['throws', 'ends'] as const) {
        opened = 0
        const blobs = await ownStore(subject, { wrap: breaking(ending) })
        await blobs.put('k', body)
        sameBytes(await read(blobs, 'k'), body, `a body that ${ending} early`)
        opened = 0
        await using ranged = await blobs.get('k', { range: { offset: 1_000, length: 900_000 } })
        sameBytes(await ranged.bytes(), body.subarray(1_000, 901_000), 'a range')
        opened = 0
        await using outdated = await blobs.get('k')
        await blobs.put('k', pattern(1_000_000, 2))
        await refused(outdated.bytes(), 'UNAVAILABLE')
        await blobs.put('k', body)
      }
    },
  },
]

async function leaveEarly(blobs: BlobStorage, round: number): Promise<void> {
  const reader = await blobs.get('k')
  if (round % 4 === 1) for await (const _chunk of reader) break
  if (round % 4 === 2) {
    const stream = reader.stream().getReader()
    await stream.read()
    await stream.cancel()
  }
  if (round % 4 === 3) reader.node().destroy()
  await reader[Symbol.asyncDispose]()
  await refused(reader.bytes(), 'CLOSED')
}

/** Half of the body, then an error or a false end. */
function brokenOff(blob: DriverBlob, ending: 'throws' | 'ends'): DriverBlob {
  const half = async function* (): AsyncGenerator<Uint8Array> {
    let left = Math.floor(blob.range.length / 2)
    for await (const chunk of blob.body) {
      yield chunk.subarray(0, left)
      left -= chunk.byteLength
      if (left <= 0) break
    }
    if (ending === 'throws') throw new PortError('UNAVAILABLE', { detail: 'connection reset', outcome: 'not-applied' })
  }
  return { ...blob, body: half() }
}
