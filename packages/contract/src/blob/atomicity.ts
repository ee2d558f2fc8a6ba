import assert from 'node:assert/strict'
import type { Child } from '../child-process.js'
import { numbered, numberOf } from './children/numbered.js'
import { type BlobCase, chunked, cut, eachOf, ownStore, pattern, read, sameBytes, wholeKey } from './kit.js'

export const atomicity: readonly BlobCase[] = [
  {
    id: 'B57',
    title: 'readers during 60 overwrites of 4 MiB see only whole old or whole new bodies',
    timeoutMs: 120_000,
    async run(subject) {
      const blobs = await ownStore(subject)
      const size = 4 * 1_048_576
      await blobs.put('k', numbered(0, size))
      let written = 0
      const reader = async (): Promise<void> => {
        while (written < 60) {
          const number = numberOf(await read(blobs, 'k'))
          assert.ok(number !== undefined, 'a mix of two bodies was read')
          assert.ok(number <= 60)
        }
      }
      const writer = async (): Promise<void> => {
        for (let number = 1; number <= 60; number++) {
          await blobs.put('k', number % 2 === 0 ? numbered(number, size) : chunked(cut(numbered(number, size), 500_000)))
          written = number
        }
      }
      await Promise.all([writer(), reader(), reader()])
      assert.equal(numberOf(await read(blobs, 'k')), 60)
    },
  },
  {
    id: 'B58',
    title: 'attributes always belong to the body that is read',
    timeoutMs: 60_000,
    async run(subject) {
      const blobs = await ownStore(subject)
      const write = (number: number) =>
        blobs.put('k', numbered(number, 1_000 + number * 3_000), { contentType: `text/x-${number}`, metadata: { number: String(number) } })
      await write(0)
      let done = false
      const reader = async (): Promise<void> => {
        while (!done) {
          await using blob = await blobs.get('k')
          const number = numberOf(await blob.bytes())
          assert.equal(blob.info.metadata.number, String(number))
          assert.equal(blob.info.contentType, `text/x-${number}`)
          assert.equal(blob.info.sizeBytes, 1_000 + number! * 3_000)
        }
      }
      const writer = async (): Promise<void> => {
        for (let number = 1; number <= 80; number++) await write(number)
        done = true
      }
      await Promise.all([writer(), reader(), reader()])
    },
  },
  {
    id: 'B59',
    title: 'kill -9 while writing: the old body or the new, what was acknowledged stays, nothing is left behind',
    engine: ['processes', 'leftovers'],
    timeoutMs: 120_000,
    async run(subject) {
      const blobs = await ownStore(subject)
      let from = 1
      for (const [round, sizeBytes] of [1_024, 600_000, 60_000, 1_200_000, 300_000, 2_000].entries()) {
        const child = subject.spawn(new URL('./children/overwrite.js', import.meta.url), { key: wholeKey(subject, 'k'), from, sizeBytes })
        await child.message()
        await killSometime(child, subject.random() * 12 + 2 + round)
        const acknowledged = Math.max(
          from - 1,
          ...child.messages.map((message) => (message as { acknowledged?: number }).acknowledged ?? 0),
        )
        await using reader = await blobs.get('k')
        const number = numberOf(await reader.bytes())
        assert.ok(number !== undefined, 'a torn body')
        assert.ok(number >= acknowledged, `${acknowledged} was acknowledged, ${number} is there`)
        assert.equal(reader.info.metadata.number, String(number))
        from = number + 1
      }
      // A new process opens the store and sweeps.
      await ownStore(subject, { env: { PDVEND_BLOB_SWEEP_AFTER_MS: '0' } })
      const deadline = Date.now() + 10_000
      for (;;) {
        const left = await subject.engine.leftovers!()
        if (left.length === 0) return
        if (Date.now() > deadline) assert.deepEqual(left, [], 'files that no blob refers to')
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
  },
  {
    id: 'B60',
    title: '20 keys written and read at once keep apart',
    async run(subject) {
      const blobs = await ownStore(subject)
      const numbers = Array.from({ length: 20 }, (_, index) => index)
      await eachOf([...numbers, ...numbers, ...numbers], 20, async (number) => {
        const body = pattern(1_000 + number * 9_000, number + 1)
        await blobs.put(`k${number}`, body)
        sameBytes(await read(blobs, `k${number}`), body, `k${number}`)
      })
    },
  },
  {
    id: 'B61',
    title: 'two streamed writes racing to one key: one of them wins whole',
    async run(subject) {
      const blobs = await ownStore(subject)
      for (let round = 0; round < 5; round++) {
        const [one, two] = [numbered(round * 2 + 1, 700_000), numbered(round * 2 + 2, 900_000)]
        const infos = await Promise.all([blobs.put('k', chunked(cut(one, 65_536))), blobs.put('k', chunked(cut(two, 50_000)))])
        await using reader = await blobs.get('k')
        const number = numberOf(await reader.bytes())
        const winner = infos.find(({ etag }) => etag === reader.info.etag)
        assert.ok(winner !== undefined, 'the etag is that of one of the two writes')
        assert.equal(winner.sizeBytes, reader.info.sizeBytes)
        assert.equal(number, winner === infos[0] ? round * 2 + 1 : round * 2 + 2)
      }
    },
  },
]

/** Lets the child acknowledge a few writes, then kills it at a moment of its own choosing. */
async function killSometime(child: Child, ms: number): Promise<void> {
  await child.message((message) => (message as { acknowledged?: number }).acknowledged !== undefined)
  await new Promise((resolve) => setTimeout(resolve, ms))
  await child.kill()
}
