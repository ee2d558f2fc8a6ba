import assert from 'node:assert/strict'
import type { BlobDriver } from '@pdvend/ports'
import { PortError } from '@pdvend/ports'
import { altered } from './altered.js'
import { type BlobCase, eachOf, namesOf, ownStore, pattern, read, readText, refused, sameBytes } from './kit.js'

export const copies: readonly BlobCase[] = [
  {
    id: 'B101',
    title: 'a copy onto itself changes nothing or only attributes; a missing source is NOT_FOUND and leaves the target',
    async run(subject) {
      const blobs = await ownStore(subject)
      for (const size of [100, 700_000]) {
        const body = pattern(size)
        const { etag } = await blobs.put('k', body, { metadata: { a: '1' } })
        assert.equal((await blobs.copy('k', 'k')).etag, etag)
        await blobs.copy('k', 'k', { attributes: { contentType: 'image/png', metadata: { b: '2' } } })
        assert.deepEqual({ ...(await blobs.head('k')).metadata }, { b: '2' })
        sameBytes(await read(blobs, 'k'), body)
        await blobs.copy('k', 'copy')
        await blobs.delete('k')
        sameBytes(await read(blobs, 'copy'), body, 'a copy outlives its source')
        await refused(blobs.copy('k', 'copy'), 'NOT_FOUND')
        sameBytes(await read(blobs, 'copy'), body)
      }
      await refused(blobs.copy('missing', 'missing'), 'NOT_FOUND')
    },
  },
  {
    id: 'B102',
    title: 'what a caller or a reader does with its objects later changes no blob',
    async run(subject) {
      const blobs = await ownStore(subject)
      const given = { owner: 'one' }
      await blobs.put('k', 'body', { metadata: given })
      given.owner = 'changed'
      const info = await blobs.head('k')
      try {
        ;(info.metadata as Record<string, string>).owner = 'changed'
      } catch {
        // A frozen answer is as good.
      }
      const copy = await blobs.copy('k', 'copy')
      assert.equal(copy.metadata.owner, 'one')
      assert.equal((await blobs.head('k')).metadata.owner, 'one')
      const bytes = await read(blobs, 'k')
      bytes.fill(0)
      assert.equal(await readText(blobs, 'k'), 'body')
    },
  },
  {
    id: 'B103',
    title: 'deleting 2,500 keys gives one outcome a key, in order, also where some are denied, invalid or fail at first',
    timeoutMs: 180_000,
    async run(subject) {
      const denied = new Set<string>()
      const flaky = new Map<string, number>()
      let largest = 0
      const wrap = (driver: never): unknown =>
        altered(driver as BlobDriver, {
          async deleteMany(inner, keys, call) {
            largest = Math.max(largest, keys.length)
            const errorOf = (key: string): Error | undefined => {
              if (denied.has(key)) return new PortError('PERMISSION_DENIED')
              const left = flaky.get(key) ?? 0
              flaky.set(key, left - 1)
              return left > 0 ? new PortError('RATE_LIMITED') : undefined
            }
            const errors = keys.map(errorOf)
            const sent = keys.filter((_, index) => errors[index] === undefined)
            const answers = sent.length > 0 ? await inner.deleteMany(sent, call) : []
            return errors.map((error, index) => error ?? answers[sent.indexOf(keys[index]!)])
          },
        })
      const blobs = await ownStore(subject, { wrap })
      const keys = Array.from({ length: 2_500 }, (_, index) => `k${String(index).padStart(4, '0')}`)
      await eachOf(keys.slice(0, 60), 20, (key) => blobs.put(key, 'x'))
      for (const index of [7, 8, 2_400]) denied.add(`${subject.run}/${keys[index]}`)
      for (const index of [11, 12, 1_300]) flaky.set(`${subject.run}/${keys[index]}`, 1)
      const asked = [...keys.slice(0, 20), '../x', ...keys.slice(20), 'k0001']
      const seen: string[] = []
      const failed: Record<string, string> = {}
      for await (const { key, error } of blobs.deleteMany(asked)) {
        seen.push(key)
        if (error === undefined) continue
        failed[key] = error.code
        assert.equal(error.target, key)
      }
      assert.deepEqual(seen, asked)
      assert.deepEqual(failed, {
        k0007: 'PERMISSION_DENIED',
        k0008: 'PERMISSION_DENIED',
        '../x': 'INVALID_ARGUMENT',
        k2400: 'PERMISSION_DENIED',
      })
      assert.deepEqual(await namesOf(blobs.list()), ['k0007', 'k0008'])
      assert.ok(largest <= (await subject.driver()).limits.maxDeleteBatch)
    },
  },
]
