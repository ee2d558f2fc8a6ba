import assert from 'node:assert/strict'
import { describe, test } from '@jest/globals'
import fc from 'fast-check'
import { AcknowledgementQueue, hasRenewal, toTopics, type Load } from '../src/acknowledgements.js'
import { acknowledgeTypes, toBatches } from '../src/protocol/acknowledgement-batch.js'
import type { HeldPartition, HeldRecord } from '../src/record.js'

const { accept, release, reject, renew } = acknowledgeTypes

const partitionOf = (partition: number): HeldPartition => ({ topicId: 'id', topic: 't', partition, records: new Map() })

describe('acknowledgements on their way', () => {
  test('ranges say of each offset what was said of it, in as few ranges as there are runs', () => {
    const said = fc.uniqueArray(fc.record({ offset: fc.nat({ max: 60 }), type: fc.constantFrom(0, accept, release, reject) }), {
      selector: ({ offset }) => offset,
      minLength: 1,
    })
    fc.assert(
      fc.property(said, (drawn) => {
        const entries = drawn.map(({ offset, type }) => ({ offset, type })).sort((a, b) => a.offset - b.offset)
        const batches = toBatches(entries)
        const spread = batches.flatMap(({ firstOffset, lastOffset, types }) =>
          Array.from({ length: Number(lastOffset - firstOffset) + 1 }, (_, at) => ({ offset: Number(firstOffset) + at, type: types[0] })),
        )
        assert.deepEqual(spread, entries)
        const runs = entries.filter(
          ({ offset, type }, at) => at === 0 || entries[at - 1]!.offset !== offset - 1 || entries[at - 1]!.type !== type,
        )
        assert.equal(batches.length, runs.length)
      }),
    )
  })

  test('whatever a broker refuses, each offset gets its own outcome', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat({ max: 200 }), { minLength: 1 }), fc.func(fc.integer({ min: 0, max: 4 })), (offsets, draw) => {
        const queue = new AcknowledgementQueue()
        const held = [partitionOf(0), partitionOf(1)]
        const bad = (partition: number, offset: number): boolean => draw(partition, offset) === 0
        const outcome = new Map<string, string>()
        for (const partition of held) {
          for (const offset of offsets) {
            const done = (error?: Error): void => void outcome.set(`${partition.partition}:${offset}`, error?.message ?? 'applied')
            queue.add({ held: partition, offset, type: accept, record: undefined, attempts: 0, uncertain: false, done })
          }
        }
        let requests = 0
        for (let load = queue.take(); load.size > 0; load = queue.take(), requests++) {
          for (const [{ partition }, said] of load) {
            // As brokers do: one code for a partition, and where one is refused, none is applied.
            const refused = said.some(({ offset }) => bad(partition, offset))
            if (refused && said.length > 1) queue.halve(said)
            else for (const { done } of said) done(refused ? new Error('refused') : undefined)
          }
        }
        for (const { partition } of held) {
          for (const offset of offsets) {
            assert.equal(outcome.get(`${partition}:${offset}`), bad(partition, offset) ? 'refused' : 'applied')
          }
        }
        assert.equal(queue.size, 0)
        assert.ok(requests <= 2 * offsets.length)
      }),
    )
  })

  test('an end overtakes a renewal that was not sent, and both hear of it', () => {
    const queue = new AcknowledgementQueue()
    const held = partitionOf(0)
    const heard: string[] = []
    const record = { state: 'held' } as HeldRecord
    const say = (type: number, name: string): void =>
      queue.add({
        held,
        offset: 7,
        type,
        record,
        attempts: 0,
        uncertain: false,
        done: (error) => void heard.push(`${name} ${error ?? 'applied'}`),
      })
    say(renew, 'renewal')
    assert.ok(queue.needsRequest(() => true))
    say(accept, 'end')
    assert.ok(!queue.needsRequest(() => true))
    const load = queue.take()
    assert.deepEqual(toTopics(load)[0]!.partitions[0]!.batches, [{ firstOffset: 7n, lastOffset: 7n, types: [accept] }])
    assert.ok(!hasRenewal(load))
    conclude(load)
    assert.deepEqual(heard, ['renewal applied', 'end applied'])
  })

  test('what was meant for a lock that is lost does not end the next lock on the same offset', () => {
    const queue = new AcknowledgementQueue()
    const held = partitionOf(0)
    const heard: string[] = []
    const recordOf = (state: string): HeldRecord => ({ ...held, offsetNumber: 7, state }) as unknown as HeldRecord
    const say = (record: HeldRecord, type: number, name: string): void =>
      queue.add({
        held,
        offset: 7,
        type,
        record,
        attempts: 0,
        uncertain: false,
        done: (error) => void heard.push(`${name} ${error?.message.split(':')[0] ?? 'applied'}`),
      })
    say(recordOf('lost'), accept, 'first')
    assert.equal(queue.take().size, 0)
    say(recordOf('lost'), accept, 'second')
    say(recordOf('settling'), release, 'third')
    const load = queue.take()
    assert.deepEqual(toBatches([...load.values()][0]!), [{ firstOffset: 7n, lastOffset: 7n, types: [release] }])
    conclude(load)
    assert.deepEqual(heard, ['first LOCK_LOST', 'second LOCK_LOST', 'third applied'])
    assert.equal(queue.size, 0)
  })
})

function conclude(load: Load): void {
  for (const said of load.values()) for (const { done } of said) done()
}
