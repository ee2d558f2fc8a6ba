import assert from 'node:assert/strict'
import { PortError } from '@pdvend/ports'
import { intercept } from '../subject.js'
import { type BlobCase, entriesOf, ownStore, pattern, read, readText, refused, sameBytes } from './kit.js'

const ETAG = /^[\x21-\x7e]+$/

export const basics: readonly BlobCase[] = [
  {
    id: 'B1',
    title: 'get gives back the bytes that put stored',
    async run(subject) {
      const blobs = await ownStore(subject)
      for (const length of [1, 1_023, 65_536, 65_537, 300_000]) {
        await blobs.put(`size-${length}`, pattern(length))
        sameBytes(await read(blobs, `size-${length}`), pattern(length), `${length} bytes`)
      }
    },
  },
  {
    id: 'B2',
    title: 'an empty body is a real blob of size 0',
    async run(subject) {
      const blobs = await ownStore(subject)
      const info = await blobs.put('empty', new Uint8Array())
      assert.equal(info.sizeBytes, 0)
      assert.equal((await blobs.head('empty')).sizeBytes, 0)
      assert.equal((await read(blobs, 'empty')).byteLength, 0)
      assert.equal(await blobs.exists('empty'), true)
    },
  },
  {
    id: 'B3',
    title: 'an overwrite replaces body and attributes together',
    async run(subject) {
      const blobs = await ownStore(subject)
      await blobs.put('k', 'one', { contentType: 'text/plain', metadata: { version: 'one', only: 'first' }, cacheControl: 'no-store' })
      await blobs.put('k', 'second', { contentType: 'text/csv', metadata: { version: 'two' } })
      await using reader = await blobs.get('k')
      assert.equal(await reader.text(), 'second')
      assert.equal(reader.info.contentType, 'text/csv')
      assert.deepEqual({ ...reader.info.metadata }, { version: 'two' })
      assert.equal(reader.info.cacheControl, undefined)
      assert.equal(reader.info.sizeBytes, 6)
    },
  },
  {
    id: 'B4',
    title: 'get and head of a missing blob are NOT_FOUND and name the key',
    async run(subject) {
      const blobs = await ownStore(subject)
      for (const call of [() => blobs.get('missing'), () => blobs.head('missing')]) {
        const error = await refused(call(), 'NOT_FOUND')
        assert.equal(error.target, 'missing')
        assert.equal(error.adapter, subject.manifest.name)
        assert.equal(error.retryable, false)
      }
    },
  },
  {
    id: 'B5',
    title: 'exists says true or false, and never hides another error',
    async run(subject) {
      const blobs = await ownStore(subject)
      await blobs.put('there', 'x')
      assert.equal(await blobs.exists('there'), true)
      assert.equal(await blobs.exists('not-there'), false)
      const denied = () => Promise.reject(new PortError('PERMISSION_DENIED'))
      const wrap = (driver: never): unknown => intercept(driver as object, (name, call) => (name === 'head' ? denied() : call()))
      await refused((await ownStore(subject, { wrap })).exists('there'), 'PERMISSION_DENIED')
    },
  },
  {
    id: 'B6',
    title: 'a deleted blob is NOT_FOUND',
    async run(subject) {
      const blobs = await ownStore(subject)
      await blobs.put('k', 'x')
      await blobs.delete('k')
      await refused(blobs.get('k'), 'NOT_FOUND')
      assert.equal(await blobs.exists('k'), false)
      assert.deepEqual(await entriesOf(blobs.list()), [])
    },
  },
  {
    id: 'B7',
    title: 'deleting what is not there succeeds, again and again',
    async run(subject) {
      const blobs = await ownStore(subject)
      await blobs.delete('never-there')
      await blobs.put('k', 'x')
      await blobs.delete('k')
      await blobs.delete('k')
    },
  },
  {
    id: 'B8',
    title: 'a write answers with etag, size, time and type',
    async run(subject) {
      const blobs = await ownStore(subject)
      const info = await blobs.put('k.json', '{}')
      assert.match(info.etag, ETAG)
      assert.equal(info.key, 'k.json')
      assert.equal(info.sizeBytes, 2)
      assert.ok(info.modifiedAt instanceof Date && !Number.isNaN(info.modifiedAt.getTime()))
      assert.equal(info.contentType, 'application/json')
      if (info.sha256 !== undefined) assert.equal(info.sha256, '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a')
      const head = await blobs.head('k.json')
      assert.deepEqual(
        { ...head, metadata: { ...head.metadata } },
        { ...info, metadata: { ...info.metadata }, modifiedAt: head.modifiedAt },
      )
    },
  },
  {
    id: 'B9',
    title: 'the etag changes with new bytes',
    async run(subject) {
      const blobs = await ownStore(subject)
      const first = await blobs.put('k', 'one')
      const second = await blobs.put('k', 'two')
      assert.notEqual(second.etag, first.etag)
      assert.equal((await blobs.head('k')).etag, second.etag)
    },
  },
  {
    id: 'B10',
    title: 'put, head, get and list give the same etag',
    async run(subject) {
      const blobs = await ownStore(subject)
      const { etag } = await blobs.put('k', 'body')
      await using reader = await blobs.get('k')
      const [entry] = await entriesOf(blobs.list())
      assert.equal((await blobs.head('k')).etag, etag)
      assert.equal(reader.info.etag, etag)
      assert.ok(entry?.kind === 'blob' && entry.etag === etag, 'list')
    },
  },
  {
    id: 'B11',
    title: 'the time of change does not run back, within 1 s',
    async run(subject) {
      const blobs = await ownStore(subject)
      const first = await blobs.put('k', 'one')
      const second = await blobs.put('k', 'two')
      assert.ok(second.modifiedAt.getTime() >= first.modifiedAt.getTime() - 1_000)
      const { modifiedAt } = await blobs.head('k')
      assert.ok(Math.abs(modifiedAt.getTime() - second.modifiedAt.getTime()) <= 1_000)
      assert.equal(await readText(blobs, 'k'), 'two')
    },
  },
]
