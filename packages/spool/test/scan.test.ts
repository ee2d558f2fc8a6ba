import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decodeRuns, encodeRuns } from '../src/acks.js'
import { deadRecord, FILE_HEADER, fileHeader, recordBound, recordBytes, type RecordFields, versionOf, writeEvent } from '../src/record.js'
import { scanFile } from '../src/scan.js'

interface Sample extends RecordFields {
  readonly text: string
}

const sample: fc.Arbitrary<Sample> = fc.record(
  {
    id: fc.string({ minLength: 1, maxLength: 40, unit: 'binary' }),
    type: fc.constantFrom('sale.closed', 'till.opened'),
    at: fc.integer({ min: 0, max: 4e12 }),
    text: fc.string({ maxLength: 200, unit: 'binary' }),
  },
  { requiredKeys: ['id', 'type', 'at', 'text'] },
)

function fileOf(samples: readonly Sample[]): { readonly bytes: Buffer; readonly ends: readonly number[] } {
  const bytes = Buffer.alloc(FILE_HEADER + samples.reduce((sum, item) => sum + recordBound(item, item.text.length), 0))
  fileHeader().copy(bytes)
  const ends: number[] = []
  let at = FILE_HEADER
  samples.forEach((item, index) => ends.push((at = writeEvent(bytes, at, index, item, item.text))))
  return { bytes: Buffer.from(bytes.subarray(0, at)), ends }
}

const fixed: readonly Sample[] = Array.from({ length: 6 }, (_, n) => ({
  id: `id-${n}`,
  type: 'sale.closed',
  at: n,
  text: JSON.stringify({ n, nome: 'pão de queijo', pad: 'x'.repeat(n * 7) }),
}))

describe('records in a file', () => {
  test('come back as they were written, of any content', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ plain: sample, key: fc.option(fc.string({ minLength: 1, maxLength: 20 }), { nil: undefined }) }), {
          maxLength: 20,
        }),
        (items) => {
          const samples = items.map(({ plain, key }) => (key === undefined ? plain : { ...plain, key }))
          const scan = scanFile(fileOf(samples).bytes)
          expect(scan.lost).toEqual([])
          expect(scan.records.map(({ id, type, at, key, body }) => ({ id, type, at, key, text: body.toString() }))).toEqual(
            samples.map(({ id, type, at, text, ...rest }) => ({ id, type, at, key: 'key' in rest ? rest.key : undefined, text })),
          )
        },
      ),
    )
  })

  test('take exactly the bytes that were foretold', () => {
    fc.assert(
      fc.property(sample, (item) => {
        const { bytes } = fileOf([item])
        expect(bytes.length - FILE_HEADER).toBe(recordBytes(item, item.text))
        expect(recordBound(item, item.text.length)).toBeGreaterThanOrEqual(bytes.length - FILE_HEADER)
      }),
    )
  })

  test('T22 a file cut at any byte gives every record that is whole, and counts the torn one', () => {
    const { bytes, ends } = fileOf(fixed)
    for (let cut = FILE_HEADER; cut <= bytes.length; cut++) {
      const scan = scanFile(bytes.subarray(0, cut))
      const whole = ends.filter((end) => end <= cut).length
      expect(scan.records.map(({ ordinal }) => ordinal)).toEqual(Array.from({ length: whole }, (_, n) => n))
      const between = cut !== FILE_HEADER && !ends.includes(cut)
      expect(scan.lost.reduce((sum, { count }) => sum + count, 0)).toBe(between ? 1 : 0)
    }
  })

  test('T23 a flipped bit costs the record that it hits, and no other', () => {
    const { bytes, ends } = fileOf(fixed)
    for (let bit = FILE_HEADER * 8; bit < bytes.length * 8; bit++) {
      const damaged = Buffer.from(bytes)
      damaged[bit >> 3]! ^= 1 << (bit & 7)
      const hit = ends.findIndex((end) => bit >> 3 < end)
      const scan = scanFile(damaged)
      expect(scan.records.map(({ ordinal }) => ordinal)).toEqual([0, 1, 2, 3, 4, 5].filter((ordinal) => ordinal !== hit))
      expect(scan.lost.reduce((sum, { count }) => sum + count, 0)).toBe(1)
    }
  })

  test('any damage leaves a scan that ends, with only records that were written', () => {
    const { bytes } = fileOf(fixed)
    const written = new Set(fixed.map(({ text }) => text))
    fc.assert(
      fc.property(
        fc.array(fc.record({ at: fc.nat(bytes.length - 1), bytes: fc.uint8Array({ minLength: 1, maxLength: 30 }) }), { maxLength: 8 }),
        fc.nat(bytes.length),
        (faults, length) => {
          const damaged = Buffer.from(bytes)
          for (const fault of faults) damaged.set(fault.bytes.subarray(0, damaged.length - fault.at), fault.at)
          const scan = scanFile(damaged.subarray(0, length))
          for (const { body } of scan.records) expect(written.has(body.toString())).toBe(true)
        },
      ),
    )
  })

  test('a marker inside of a body is not taken for a record', () => {
    const inner = fileOf([{ id: 'inner', type: 'fake', at: 1, text: 'no' }])
      .bytes.subarray(FILE_HEADER)
      .toString('latin1')
    const scan = scanFile(fileOf([{ id: 'outer', type: 'sale.closed', at: 1, text: inner }, fixed[0]!]).bytes)
    expect(scan.records.map(({ id }) => id)).toEqual(['outer', 'id-0'])
  })

  test('a dead letter keeps its reason, its time and whether it is whole', () => {
    const record = deadRecord({ id: 'a', type: 'sale.closed', at: 5, key: 'k' }, '{"x":1}', {
      reason: 'INVALID_ARGUMENT: não',
      diedAt: 9,
      whole: false,
    })
    const [found] = scanFile(Buffer.concat([fileHeader(), record])).records
    expect(found).toMatchObject({ id: 'a', key: 'k', dead: { reason: 'INVALID_ARGUMENT: não', diedAt: 9, whole: false } })
    expect(found!.body.toString()).toBe('{"x":1}')
  })

  test('a header tells its version, and a damaged one tells none', () => {
    expect(versionOf(fileHeader(7))).toBe(7)
    const damaged = fileHeader()
    damaged[9]! ^= 1
    expect(versionOf(damaged)).toBeUndefined()
    expect(versionOf(Buffer.alloc(3))).toBeUndefined()
  })
})

test('acknowledged runs answer for each offset, in any order, whatever is torn', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ start: fc.nat(1_000), length: fc.integer({ min: 1, max: 50 }) }), { maxLength: 30 }),
      fc.nat(11),
      (items, torn) => {
        const runs = items.map(({ start, length }) => ({ start, end: start + length }))
        const has = decodeRuns(Buffer.concat([encodeRuns(runs), Buffer.alloc(torn, 7)]))
        const wrong = Array.from({ length: 1_060 }, (_, offset) => offset).filter(
          (offset) => has(offset) !== runs.some(({ start, end }) => offset >= start && offset < end),
        )
        expect(wrong).toEqual([])
      },
    ),
  )
})
