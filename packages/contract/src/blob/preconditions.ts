import assert from 'node:assert/strict'
import type { BlobDriver } from '@pdvend/ports'
import { PortError } from '@pdvend/ports'
import { altered } from './altered.js'
import { type BlobCase, chunked, cut, ownStore, pattern, readText, refused, wholeKey } from './kit.js'

const ABSENT = 'ffffffffffffffffffffffffffffffff'

export const preconditions: readonly BlobCase[] = [
  {
    id: 'B62',
    title: 'create succeeds once, then PRECONDITION_FAILED, and of ten at once exactly one succeeds',
    needs: ['conditionalWrites'],
    async run(subject) {
      const blobs = await ownStore(subject)
      await blobs.put('k', 'first', { if: { create: true } })
      const error = await refused(blobs.put('k', 'second', { if: { create: true } }), 'PRECONDITION_FAILED')
      assert.equal(error.outcome, 'not-applied')
      assert.equal(await readText(blobs, 'k'), 'first')
      const racers = await Promise.allSettled(Array.from({ length: 10 }, (_, n) => blobs.put('race', String(n), { if: { create: true } })))
      assert.equal(racers.filter(({ status }) => status === 'fulfilled').length, 1)
      assert.equal(await readText(blobs, 'race'), String(racers.findIndex(({ status }) => status === 'fulfilled')))
    },
  },
  {
    id: 'B63',
    title: 'replace succeeds over that version, a stale etag fails and leaves the body',
    needs: ['conditionalWrites'],
    async run(subject) {
      const blobs = await ownStore(subject)
      const first = await blobs.put('k', 'one')
      const second = await blobs.put('k', 'two', { if: { replace: first.etag } })
      await refused(blobs.put('k', 'three', { if: { replace: first.etag } }), 'PRECONDITION_FAILED')
      assert.equal(await readText(blobs, 'k'), 'two')
      assert.equal((await blobs.head('k')).etag, second.etag)
      for (const condition of [{}, { create: false }, { replace: '' }, { create: true, replace: first.etag }, 'create'])
        await refused(blobs.put('k', 'x', { if: condition as never }), 'INVALID_ARGUMENT')
    },
  },
  {
    id: 'B64',
    title: 'replace over a missing key is PRECONDITION_FAILED, and creates nothing',
    needs: ['conditionalWrites'],
    async run(subject) {
      const blobs = await ownStore(subject)
      await refused(blobs.put('k', 'x', { if: { replace: ABSENT } }), 'PRECONDITION_FAILED')
      const { etag } = await blobs.put('k', 'x')
      await blobs.delete('k')
      await refused(blobs.put('k', 'y', { if: { replace: etag } }), 'PRECONDITION_FAILED')
      assert.equal(await blobs.exists('k'), false)
    },
  },
  {
    id: 'B65',
    title: 'five writers, ten compare-and-swap increments each, make 50',
    needs: ['conditionalWrites'],
    timeoutMs: 90_000,
    async run(subject) {
      const blobs = await ownStore(subject)
      const add = async (current: { text(): Promise<string> } | undefined) =>
        String(Number(current === undefined ? 0 : await current.text()) + 1)
      const writer = async (): Promise<void> => {
        for (let time = 0; time < 10; time++) await blobs.update('n', add, { timeoutMs: 60_000 })
      }
      await Promise.all(Array.from({ length: 5 }, writer))
      assert.equal(await readText(blobs, 'n'), '50')
    },
  },
  {
    id: 'B65p',
    title: 'compare-and-swap increments hold from three processes at once',
    needs: ['conditionalWrites'],
    engine: ['processes'],
    timeoutMs: 120_000,
    async run(subject) {
      const blobs = await ownStore(subject)
      const script = new URL('./children/increment.js', import.meta.url)
      const children = [1, 2, 3].map(() => subject.spawn(script, { key: wholeKey(subject, 'n'), times: 20 }))
      await Promise.all(children.map((child) => child.done()))
      assert.equal(await readText(blobs, 'n'), '60')
    },
  },
  {
    id: 'B66',
    title: 'create and replace hold on streamed writes: checked when the write ends, not when it begins',
    needs: ['conditionalWrites'],
    async run(subject) {
      const blobs = await ownStore(subject)
      for (const size of [100, 700_000]) {
        const key = `k${size}`
        const late = chunked(cut(pattern(size), 65_536), async (index) => {
          if (index === 0) await blobs.put(key, 'faster')
        })
        await refused(blobs.put(key, late, { if: { create: true } }), 'PRECONDITION_FAILED')
        assert.equal(await readText(blobs, key), 'faster')
        const { etag } = await blobs.head(key)
        const stale = chunked(cut(pattern(size), 65_536), async (index) => {
          if (index === 0) await blobs.put(key, 'faster again')
        })
        await refused(blobs.put(key, stale, { if: { replace: etag } }), 'PRECONDITION_FAILED')
        assert.equal(await readText(blobs, key), 'faster again')
        const current = await blobs.head(key)
        await blobs.put(key, chunked(cut(pattern(size), 65_536)), { if: { replace: current.etag } })
        assert.equal((await blobs.head(key)).sizeBytes, size)
      }
    },
  },
  {
    id: 'B67',
    title: 'get honours ifMatch, ifNoneMatch and ifModifiedSince',
    async run(subject) {
      const blobs = await ownStore(subject)
      const { etag, modifiedAt } = await blobs.put('k', 'body')
      const text = async (options: Parameters<typeof blobs.get>[1]) => (await blobs.get('k', options)).text()
      assert.equal(await text({ ifMatch: etag }), 'body')
      assert.equal(await text({ ifNoneMatch: ABSENT }), 'body')
      assert.equal(await text({ ifModifiedSince: new Date(modifiedAt.getTime() - 10_000) }), 'body')
      await refused(blobs.get('k', { ifMatch: ABSENT }), 'PRECONDITION_FAILED')
      await refused(blobs.get('k', { ifNoneMatch: etag }), 'PRECONDITION_FAILED')
      await refused(blobs.get('k', { ifModifiedSince: new Date(modifiedAt.getTime() + 10_000) }), 'PRECONDITION_FAILED')
      await refused(blobs.get('missing', { ifNoneMatch: ABSENT }), 'NOT_FOUND')
      await refused(blobs.get('k', { ifModifiedSince: new Date(Number.NaN) }), 'INVALID_ARGUMENT')
    },
  },
  {
    id: 'B68',
    title: 'delete honours ifMatch, for a missing blob, too',
    needs: ['conditionalDelete'],
    async run(subject) {
      const blobs = await ownStore(subject)
      const first = await blobs.put('k', 'one')
      const second = await blobs.put('k', 'two')
      await refused(blobs.delete('k', { ifMatch: first.etag }), 'PRECONDITION_FAILED')
      assert.equal(await readText(blobs, 'k'), 'two')
      await blobs.delete('k', { ifMatch: second.etag })
      assert.equal(await blobs.exists('k'), false)
      await refused(blobs.delete('k', { ifMatch: second.etag }), 'PRECONDITION_FAILED')
    },
  },
  {
    id: 'B69',
    title: 'copy honours the version of its source and the condition on its target',
    needs: ['conditionalWrites', 'conditionalCopy'],
    async run(subject) {
      const blobs = await ownStore(subject)
      const first = await blobs.put('from', 'one')
      const second = await blobs.put('from', 'two')
      await refused(blobs.copy('from', 'to', { sourceEtag: first.etag }), 'PRECONDITION_FAILED')
      assert.equal(await blobs.exists('to'), false)
      const made = await blobs.copy('from', 'to', { sourceEtag: second.etag, if: { create: true } })
      await refused(blobs.copy('from', 'to', { if: { create: true } }), 'PRECONDITION_FAILED')
      await refused(blobs.copy('from', 'to', { if: { replace: ABSENT } }), 'PRECONDITION_FAILED')
      await blobs.put('from', 'three')
      await blobs.copy('from', 'to', { if: { replace: made.etag } })
      assert.equal(await readText(blobs, 'to'), 'three')
      await refused(blobs.copy('missing', 'to'), 'NOT_FOUND')
    },
  },
  {
    id: 'B70',
    title: 'a condition that the adapter cannot keep is UNSUPPORTED before any I/O, never dropped',
    async run(subject) {
      const none = { conditionalWrites: false, conditionalDelete: false, conditionalCopy: false, signedUrls: false, signedPost: false }
      const reached: string[] = []
      const note = (name: string) => async (): Promise<never> => {
        reached.push(name)
        throw new PortError('INTERNAL')
      }
      const wrap = (driver: never): unknown =>
        altered(driver as BlobDriver, {
          put: note('put'),
          get: note('get'),
          copy: note('copy'),
          delete: note('delete'),
          sign: note('sign'),
        })
      const blobs = await ownStore(subject, { wrap, face: { capabilities: none } })
      await refused(blobs.put('k', 'x', { if: { create: true } }), 'UNSUPPORTED')
      await refused(blobs.put('k', 'x', { if: { replace: ABSENT } }), 'UNSUPPORTED')
      await refused(
        blobs.update('k', async () => 'x'),
        'UNSUPPORTED',
      )
      await refused(blobs.copy('a', 'b', { if: { create: true } }), 'UNSUPPORTED')
      await refused(blobs.copy('a', 'b', { sourceEtag: ABSENT }), 'UNSUPPORTED')
      await refused(blobs.delete('k', { ifMatch: ABSENT }), 'UNSUPPORTED')
      await refused(blobs.sign.get('k'), 'UNSUPPORTED')
      await refused(blobs.sign.put('k'), 'UNSUPPORTED')
      await refused(blobs.sign.post('k', { maxBytes: 1 }), 'UNSUPPORTED')
      assert.deepEqual(reached, [])
    },
  },
  {
    id: 'B71',
    title: 'a conditional write whose answer was lost says that its outcome is unknown, and reports no false conflict',
    needs: ['conditionalWrites'],
    async run(subject) {
      let calls = 0
      const wrap = (driver: never): unknown =>
        altered(driver as BlobDriver, {
          async put(inner, key, body, options) {
            calls++
            const info = await inner.put(key, body, options)
            if (calls === 1) throw new PortError('UNAVAILABLE', { detail: 'connection reset after the request', outcome: 'unknown' })
            return info
          },
        })
      const blobs = await ownStore(subject, { wrap })
      const error = await refused(blobs.put('k', 'mine', { if: { create: true } }), 'UNAVAILABLE')
      assert.equal(error.outcome, 'unknown')
      assert.equal(calls, 1)
      assert.equal(await readText(blobs, 'k'), 'mine')
      calls = 0
      await blobs.put('plain', 'again')
      assert.equal(calls, 2, 'a write without condition is tried again')
    },
  },
]
