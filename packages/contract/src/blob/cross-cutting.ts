import assert from 'node:assert/strict'
import type { BlobDriver, DriverCall } from '@pdvend/ports'
import { PortError, RetryBudget } from '@pdvend/ports'
import { unavailable } from '../run.js'
import { Subject } from '../subject.js'
import { altered } from './altered.js'
import { type BlobCase, chunked, ownStore, pattern, readText, refused } from './kit.js'

/** Cases that inject faults and count calls themselves, that wait for seconds, or that are about volume. */
const NOT_UNDER_CHAOS = new Set(['B45', 'B49', 'B56', 'B57', 'B59', 'B65p', 'B70', 'B71', 'B84', 'B85', 'B103', 'B104', 'B110', 'B111'])

/** The chaos case over all the others. */
export function chaos(cases: readonly BlobCase[]): BlobCase {
  return {
    id: 'B110',
    title: 'one call in five fails and is tried again: the suite stays green',
    timeoutMs: 240_000,
    async run(subject) {
      let ran = 0
      for (const contractCase of cases) {
        if (NOT_UNDER_CHAOS.has(contractCase.id) || unavailable(contractCase, subject.engine) !== undefined) continue
        const capabilities = (await subject.driver()).capabilities ?? subject.manifest.capabilities
        if (contractCase.needs?.some((name) => !capabilities[name]) === true) continue
        await using shaken = new Subject(subject.suite, subject.manifest, subject.engine, { ...subject.options, chaos: 0.2 })
        await contractCase.run(shaken).catch((cause: unknown) => {
          throw new Error(`${contractCase.id} failed under chaos: ${String(cause)}`, { cause })
        })
        ran++
      }
      assert.ok(ran >= 60, `only ${ran} cases ran`)
    },
  }
}

export const crossCutting: readonly BlobCase[] = [
  {
    id: 'B111',
    title: 'a try and a call have their time, one-shot sources are not repeated, and the budget ends a storm of retries',
    async run(subject) {
      let calls = 0
      const hang = ({ signal }: DriverCall): Promise<never> => {
        calls++
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
      }
      const down = (): Promise<never> => {
        calls++
        return Promise.reject(new PortError('UNAVAILABLE', { outcome: 'not-applied' }))
      }
      const hanging = (driver: never): unknown => altered(driver as BlobDriver, { head: (_inner, _key, call) => hang(call) })
      const slow = await ownStore(subject, { wrap: hanging, face: { retry: { maxAttempts: 100, firstMs: 1, maxMs: 1 } } })
      const error = await refused(slow.head('k', { timeoutMs: 40 }), 'DEADLINE_EXCEEDED')
      assert.equal(calls, 1)
      assert.equal(error.target, 'k')
      calls = 0
      const tries = await ownStore(subject, { wrap: hanging, face: { tryTimeoutMs: 20, retry: { maxAttempts: 3, firstMs: 1, maxMs: 1 } } })
      assert.equal((await refused(tries.head('k'), 'DEADLINE_EXCEEDED')).attempts, 3)
      assert.equal(calls, 3)
      calls = 0
      const wrap = (driver: never): unknown =>
        altered(driver as BlobDriver, {
          head: down,
          put: async (_inner, _key, body) => {
            for await (const _chunk of body.stream) break
            return down()
          },
        })
      const storm = await ownStore(subject, {
        wrap,
        face: { budget: new RetryBudget(10, 0.1), retry: { maxAttempts: 50, firstMs: 0.1, maxMs: 0.1 } },
      })
      await Promise.all(Array.from({ length: 20 }, () => refused(storm.head('k'), 'UNAVAILABLE')))
      assert.ok(calls <= 30, `${calls} calls for 20 requests with a budget of 10 retries`)
      calls = 0
      const wide = await ownStore(subject, { wrap, face: { retry: { maxAttempts: 4, firstMs: 0.1, maxMs: 0.1 } } })
      await refused(wide.put('k', chunked([pattern(10), pattern(10)])), 'UNAVAILABLE')
      assert.equal(calls, 1, 'a stream that was read from is not sent again')
      calls = 0
      await refused(wide.put('k', { open: () => chunked([pattern(10)]) }), 'UNAVAILABLE')
      assert.equal(calls, 4, 'a source that can be opened again is')
    },
  },
  {
    id: 'B113',
    title: 'close is idempotent and leaves scopes no way in; a scope closes nothing',
    async run(subject) {
      const store = await subject.open()
      const scoped = store.scope(subject.run)
      await scoped.put('k', 'x')
      await scoped.close()
      assert.equal(await readText(scoped, 'k'), 'x')
      await store.close()
      await store.close()
      for (const call of [
        () => scoped.get('k'),
        () => scoped.put('k', 'y'),
        () => store.head(`${subject.run}/k`),
        () => scoped.sign.get('k'),
      ])
        await refused(call(), 'CLOSED')
      assert.equal(await readText(await ownStore(subject), 'k'), 'x')
    },
  },
  {
    id: 'B114',
    title: 'update keeps attributes, hands over undefined where nothing is, and passes on what its function throws',
    needs: ['conditionalWrites'],
    async run(subject) {
      const blobs = await ownStore(subject)
      await blobs.update('k', async (current) => {
        assert.equal(current, undefined)
        return '1'
      })
      await blobs.put('k', '1', { contentType: 'text/x-count', metadata: { owner: 'till-07' } })
      const info = await blobs.update('k', async (current) => `${await current?.text()}+1`)
      assert.equal(info.contentType, 'text/x-count')
      assert.deepEqual({ ...info.metadata }, { owner: 'till-07' })
      assert.equal(await readText(blobs, 'k'), '1+1')
      const own = new Error('mine')
      await assert.rejects(
        blobs.update('k', () => Promise.reject(own)),
        (error) => error === own,
      )
      // Other bytes each time: some engines derive the etag from the bytes alone.
      let round = 0
      const always = blobs.update(
        'k',
        async () => {
          await blobs.put('k', `faster ${++round}`)
          return 'slower'
        },
        { timeoutMs: 150 },
      )
      await refused(always, 'DEADLINE_EXCEEDED')
      assert.match(await readText(blobs, 'k'), /^faster /)
    },
  },
]
