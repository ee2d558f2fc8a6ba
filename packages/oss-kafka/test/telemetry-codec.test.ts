import { describe, expect, test } from '@jest/globals'
import type { DriverEvent } from '@pdvend/ports'
import fc from 'fast-check'
import { gzipSync } from 'node:zlib'
import { partitionOf } from '../src/client.js'
import { capacityOf, layOut, recordBytes, recordOf } from '../src/telemetry/codec.js'

function event(id: string, bytes: number, key?: string): DriverEvent {
  return { id, type: 'sale.closed', at: 0, bytes: new Uint8Array(bytes), ...(key === undefined ? {} : { key }) }
}

describe('the record of an event', () => {
  test('is a CloudEvent in structured mode, its id and type beside it', () => {
    const { at, ...rest } = event('e1', 3, 'till-7')
    expect(recordOf({ at, ...rest }, 'events', 2)).toEqual({
      topic: 'events',
      partition: 2,
      key: 'till-7',
      value: rest.bytes,
      headers: { 'content-type': Buffer.from('application/cloudevents+json'), ce_id: 'e1', ce_type: 'sale.closed' },
    })
    expect(recordOf(event('e2', 3), 'events', 0)).not.toHaveProperty('key')
  })

  test("keys have the partitions that Java's producer gives them", () => {
    // Utils.murmur2 of Apache Kafka's own unit test, made positive, modulo 1,000.
    const known: readonly (readonly [string, number])[] = [
      ['21', -973_932_308],
      ['foobar', -790_332_482],
      ['a-little-bit-long-string', -985_981_536],
      ['a-little-bit-longer-string', -1_486_304_829],
      ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58_897_971],
      ['abc', 479_470_107],
    ]
    for (const [key, hash] of known) expect([key, partitionOf(key, 1_000)]).toEqual([key, (hash & 0x7fffffff) % 1_000])
  })
})

describe('the layout of a batch', () => {
  const layout = { partitions: 3, capacityBytes: 10_000, partitionOf: (key: string) => partitionOf(key, 3), firstFree: 0 }

  test('each event stands once, a key stays in its partition in its order, and no partition is over its capacity in a round', () => {
    const events = fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 9_000 }), key: fc.option(fc.constantFrom('a', 'b', 'c', 'd')) }), {
      maxLength: 60,
    })
    fc.assert(
      fc.property(events, fc.nat(5), (list, firstFree) => {
        const batch = list.map(({ bytes, key }, index) => event(`e${index}`, bytes, key ?? undefined))
        const rounds = layOut(batch, { ...layout, firstFree })
        const placed = rounds.flat()
        expect(placed.map(({ index }) => index).sort((a, b) => a - b)).toEqual(batch.map((_, index) => index))
        for (const round of rounds)
          for (const partition of [0, 1, 2]) {
            const mine = round.filter((place) => place.partition === partition)
            const bytes = mine.reduce((sum, { index }) => sum + recordBytes(batch[index]!), 0)
            expect(mine.length <= 1 || bytes <= layout.capacityBytes).toBe(true)
          }
        for (const key of ['a', 'b', 'c', 'd']) {
          const mine = placed.filter(({ index }) => batch[index]!.key === key)
          expect(new Set(mine.map(({ partition }) => partition)).size).toBeLessThanOrEqual(1)
          expect(mine.map(({ index }) => index)).toEqual(mine.map(({ index }) => index).sort((a, b) => a - b))
        }
      }),
    )
  })

  test('events without a key fill one partition before they begin the next', () => {
    const rounds = layOut(
      Array.from({ length: 5 }, (_, index) => event(`e${index}`, 4_000)),
      { ...layout, firstFree: 1 },
    )
    expect(rounds.map((round) => round.map(({ partition }) => partition))).toEqual([[1, 1, 2, 2, 0]])
  })
})

test('what is laid out by capacity fits the topic even when it cannot be compressed', () => {
  const capacity = capacityOf(1_048_588, 'gzip')
  const noise = new Uint8Array(capacity).map(() => Math.floor(Math.random() * 256))
  expect(gzipSync(noise).byteLength + 61).toBeLessThanOrEqual(1_048_588)
  expect(capacityOf(1_048_588, 'none')).toBe(1_048_527)
})
