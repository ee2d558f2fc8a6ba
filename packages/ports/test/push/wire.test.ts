import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, resolve } from 'node:path'
import { describe, test } from '@jest/globals'
import fc from 'fast-check'
import { PortError } from '../../src/errors.js'
import { decodeDown, decodeUp, type DownFrame, encodeFrame, type UpFrame } from '../../src/push/wire.js'

const id = fc.string({ minLength: 1, maxLength: 128 })
const time = fc.integer({ min: 0, max: 4e12 })
const whole = fc.nat()
const body = fc.uint8Array({ maxLength: 300 })
const cursors = fc.dictionary(
  fc.string({ minLength: 1, maxLength: 70 }).filter((name) => name !== '__proto__'),
  whole,
  { noNullPrototype: true },
)
const text = fc.string({ maxLength: 500 })

const record = <T extends object, K extends keyof T = keyof T>(
  model: { [P in keyof T]: fc.Arbitrary<T[P]> },
  constraints: { requiredKeys?: K[] } = {},
) => fc.record<T, K>(model, { noNullPrototype: true, ...constraints })

const down: fc.Arbitrary<DownFrame> = fc.oneof(
  record(
    {
      kind: fc.constant('message' as const),
      id,
      place: record({ journal: id, stream: id, sequence: whole, previous: whole }),
      expiresAt: time,
      sentAt: time,
      receiptTo: id,
      sync: id,
      part: whole,
      body,
    },
    { requiredKeys: ['kind', 'id', 'expiresAt', 'sentAt', 'body'] },
  ),
  record({ kind: fc.constant('request' as const), id, replyTo: id, expiresAt: time, sentAt: time, body }),
  record({
    kind: fc.constant('synced' as const),
    sync: id,
    journal: id,
    parts: whole,
    cursors,
    more: fc.boolean(),
    lost: fc.array(id, { maxLength: 5 }),
    sentAt: time,
  }),
  record({ kind: fc.constant('heads' as const), journal: id, heads: cursors, sentAt: time }),
  record({ kind: fc.constantFrom('renew' as const, 'takenOver' as const), sentAt: time }),
)

const up: fc.Arbitrary<UpFrame> = fc.oneof(
  record({ kind: fc.constant('sync' as const), sync: id, journal: id, cursors }, { requiredKeys: ['kind', 'sync', 'cursors'] }),
  record({
    kind: fc.constant('ack' as const),
    journal: id,
    cursors,
    outcomes: fc.array(record({ id, state: fc.constantFrom('failed' as const, 'expired' as const), error: text }), { maxLength: 5 }),
  }),
  record({ kind: fc.constant('message' as const), id, expiresAt: time, body }),
  record({ kind: fc.constant('answer' as const), id, body }),
)

/** Anything that JSON can hold, wrong fields more often than right ones. */
const nonsense = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.json().map((json) => new TextEncoder().encode(json)),
  fc
    .record({
      kind: fc.constantFrom('message', 'ack', 'sync', 'answer', 'receipt', '__proto__', 'constructor'),
      id: fc.jsonValue(),
      cursors: fc.jsonValue(),
      outcomes: fc.jsonValue(),
      expiresAt: fc.jsonValue(),
    })
    .map((value) => new TextEncoder().encode(JSON.stringify(value))),
)

describe('the wire', () => {
  test('every frame comes back as it was', () => {
    fc.assert(fc.property(down, (frame) => assert.deepEqual(decodeDown(encodeFrame(frame)), frame)))
    fc.assert(fc.property(up, (frame) => assert.deepEqual(decodeUp(encodeFrame(frame)), frame)))
  })

  test('whatever else arrives is refused with INVALID_ARGUMENT or is a whole frame', () => {
    fc.assert(
      fc.property(nonsense, (bytes) => {
        try {
          const frame = decodeUp(bytes)
          assert.deepEqual(decodeUp(encodeFrame(frame)), frame)
        } catch (error) {
          assert.ok(PortError.is(error, 'INVALID_ARGUMENT'), String(error))
        }
      }),
      { numRuns: 1_000 },
    )
  })

  test('a frame cut short is refused or shorter in its body alone', () => {
    const frame: DownFrame = { kind: 'message', id: 'a', expiresAt: 2, sentAt: 1, body: new Uint8Array([10, 0, 10, 255]) }
    const bytes = encodeFrame(frame)
    const header = bytes.indexOf(10)
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.subarray(0, length)
      if (length <= header) assert.throws(() => decodeDown(cut), /not a push frame/)
      else assert.deepEqual(decodeDown(cut), { ...frame, body: frame.body.subarray(0, length - header - 1) })
    }
  })

  test('hostile names of fields and kinds reach no prototype', () => {
    for (const kind of ['__proto__', 'constructor', 'toString'])
      assert.throws(() => decodeUp(new TextEncoder().encode(JSON.stringify({ kind }))), /kind/)
    const bytes = new TextEncoder().encode('{"kind":"sync","sync":"a","cursors":{"__proto__":5,"device:x":1}}')
    assert.equal(decodeUp(bytes).kind, 'sync')
    assert.equal(({} as Record<string, unknown>)['device:x'], undefined)
  })

  test('neither the wire nor define needs Node, however far one follows their imports', async () => {
    const dist = dirname(createRequire(import.meta.url).resolve('@pdvend/ports'))
    const seen = new Set<string>()
    const follow = async (file: string): Promise<void> => {
      if (seen.has(file)) return
      seen.add(file)
      const source = await readFile(file, 'utf8')
      for (const [, from] of source.matchAll(/(?:from|import)\s*\(?'([^']+)'/g)) {
        assert.match(from!, /^\./, `${file} imports ${from}`)
        await follow(resolve(dirname(file), from!))
      }
    }
    await follow(resolve(dist, 'push/wire.js'))
    await follow(resolve(dist, 'define.js'))
    assert.ok(seen.size > 5)
  })
})
