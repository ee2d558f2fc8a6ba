import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { BlobStorage } from '../../src/index.js'
import { prepareSource } from '../../src/blob/source.js'
import { memoryDriver } from './memory-driver.js'

const never = new AbortController().signal

async function gather(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function* chunked(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}

describe('sources', () => {
  test('B46 B50 chunks of any sizes are the same body, and a declared size must be theirs', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 20 })), fc.integer({ min: -2, max: 2 }), async (chunks, off) => {
        const whole = Buffer.concat(chunks)
        const sizeBytes = Math.max(0, whole.byteLength + off)
        const body = prepareSource(chunked(chunks), { maxBytes: 1e9, sizeBytes }).body(never)
        if (sizeBytes === whole.byteLength) expect((await gather(body.stream)).equals(whole)).toBe(true)
        else await expect(gather(body.stream)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
      }),
    )
  })

  test('B45 nothing is pulled before the driver pulls, and an early end closes the source', async () => {
    let pulled = 0
    let closed = 0
    const source = async function* (): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          pulled++
          yield new Uint8Array(1)
        }
      } finally {
        closed++
      }
    }
    const prepared = prepareSource(source(), { maxBytes: 1e9 })
    const body = prepared.body(never)
    expect(pulled).toBe(0)
    expect(prepared.mayReopen()).toBe(true)
    for await (const _chunk of body.stream) break
    expect([pulled, closed]).toEqual([1, 1])
    expect(prepared.mayReopen()).toBe(false)
  })

  test('B49 an abort ends a source that hangs', async () => {
    const abort = new AbortController()
    const hang: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }) }
    const body = prepareSource(hang, { maxBytes: 1e9 }).body(abort.signal)
    const reading = gather(body.stream)
    setImmediate(() => abort.abort(new Error('enough')))
    await expect(reading).rejects.toThrow('enough')
  })

  test('what is larger than the engine takes is TOO_LARGE, known or streamed', async () => {
    const blobs = new BlobStorage(memoryDriver())
    await expect(blobs.put('k', new Uint8Array(1_000_001))).rejects.toMatchObject({ code: 'TOO_LARGE' })
    await expect(blobs.put('k', chunked([new Uint8Array(600_000), new Uint8Array(600_000)]))).rejects.toMatchObject({ code: 'TOO_LARGE' })
    expect(await blobs.exists('k')).toBe(false)
  })

  test('a text with a lone surrogate is refused, not stored as something else', async () => {
    await expect(new BlobStorage(memoryDriver()).put('k', 'a\ud800')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})

describe('readers', () => {
  test('bytes() refuses what is above maxBytes, text() what is no UTF-8, json() what the schema refuses', async () => {
    const blobs = new BlobStorage(memoryDriver())
    await blobs.put('k', Uint8Array.of(0x7b, 0xff))
    await expect((await blobs.get('k')).bytes({ maxBytes: 1 })).rejects.toMatchObject({ code: 'TOO_LARGE' })
    await expect((await blobs.get('k')).text()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect((await blobs.get('k')).json()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await blobs.put('k', '{"a":1}')
    expect(await (await blobs.get('k')).json<{ a: number }>()).toEqual({ a: 1 })
    const reader = await blobs.get('k')
    await reader.bytes()
    await expect(reader.bytes()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})
