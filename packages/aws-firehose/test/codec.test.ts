import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { billedBytes, pack, unpack } from '../src/codec.js'

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const json = fc.json().map((one) => ({ bytes: new TextEncoder().encode(one) }))

test('every event comes back, in order, as one line of JSON that means the same', () => {
  fc.assert(
    fc.property(fc.array(json, { maxLength: 60 }), fc.integer({ min: 1, max: 400 }), (events, recordBytes) => {
      const records = pack(events, recordBytes)
      const lines = records.flatMap(({ data }) => unpack(data)).map(text)
      expect(lines.map((line): unknown => JSON.parse(line))).toEqual(events.map(({ bytes }): unknown => JSON.parse(text(bytes))))
      expect(records.reduce((sum, { count }) => sum + count, 0)).toBe(events.length)
      records.forEach(({ from }, index) => expect(from).toBe(index === 0 ? 0 : records[index - 1]!.from + records[index - 1]!.count))
      for (const { data, count } of records) expect(data.length <= recordBytes || count === 1).toBe(true)
    }),
  )
})

test('JSON with newlines between its tokens stays one line', () => {
  const bytes = new TextEncoder().encode(JSON.stringify({ a: 'x\ny', b: [1] }, undefined, 2))
  const [record] = pack([{ bytes }, { bytes }], 1_000)
  expect(unpack(record!.data)).toHaveLength(2)
  expect(JSON.parse(text(unpack(record!.data)[1]!))).toEqual({ a: 'x\ny', b: [1] })
})

test('packing leaves the caller its bytes', () => {
  const bytes = new TextEncoder().encode('{\n}')
  pack([{ bytes }], 100)
  expect(text(bytes)).toBe('{\n}')
})

test('a record is billed in steps of 5 KB', () => {
  expect(billedBytes([1, 5_000, 5_001])).toBe(5_000 + 5_000 + 10_000)
})
