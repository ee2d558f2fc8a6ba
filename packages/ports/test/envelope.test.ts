import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  contextFromHeaders,
  contextToHeaders,
  currentContext,
  decodeEnvelope,
  encodeEnvelope,
  newId,
  PortError,
  withContext,
} from '../src/index.js'

const text = fc.string({ unit: 'grapheme', maxLength: 40 })

describe('the envelope', () => {
  test('any JSON data, header and context comes back as it was', () => {
    const input = fc.record({
      data: fc.jsonValue({ maxDepth: 4 }),
      headers: fc.dictionary(text, text),
      context: fc.record(
        {
          transactionId: text.filter((id) => id !== ''),
          accountId: text,
          component: text,
          caller: text,
        },
        { requiredKeys: ['transactionId'] },
      ),
      subject: fc.option(text, { nil: undefined }),
      time: fc.date({
        min: new Date(0),
        max: new Date('2999-12-31'),
        noInvalidDate: true,
      }),
    })
    fc.assert(
      fc.property(input, ({ data, headers, context, subject, time }) => {
        const bytes = encodeEnvelope({
          type: 'sale.closed',
          data,
          headers,
          context,
          time,
          ...(subject === undefined ? {} : { subject }),
        })
        const back = decodeEnvelope(bytes)
        expect(back).toMatchObject({ type: 'sale.closed', context, time })
        expect(JSON.stringify(back.data)).toBe(JSON.stringify(data))
        expect({ ...back.headers }).toEqual({ ...headers })
        expect(back.subject).toBe(subject)
      }),
    )
  })

  test('it is CloudEvents 1.0 in JSON', () => {
    const envelope = withContext({ transactionId: 'sale-1', caller: 'till-07' }, () =>
      encodeEnvelope({
        id: '1',
        type: 'a.b',
        data: { x: 1 },
        time: new Date(0),
        source: '/pos',
      }),
    )
    expect(JSON.parse(new TextDecoder().decode(envelope))).toEqual({
      specversion: '1.0',
      id: '1',
      type: 'a.b',
      source: '/pos',
      time: '1970-01-01T00:00:00.000Z',
      datacontenttype: 'application/json',
      pdvtransactionid: 'sale-1',
      pdvcaller: 'till-07',
      data: { x: 1 },
    })
  })

  test('bytes that are no envelope give INVALID_ARGUMENT, whatever they are', () => {
    const envelope = encodeEnvelope({ type: 'a', data: { some: ['data'] } })
    const damaged = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.jsonValue().map((value) => new TextEncoder().encode(JSON.stringify(value))),
      fc.nat(envelope.length - 1).map((end) => envelope.slice(0, end)),
    )
    fc.assert(
      fc.property(damaged, (bytes) => {
        try {
          decodeEnvelope(bytes)
        } catch (error) {
          return PortError.is(error, 'INVALID_ARGUMENT')
        }
        return false
      }),
    )
  })

  const cyclic: Record<string, unknown> = {}
  cyclic.self = cyclic
  let deep: unknown = 1
  for (let level = 0; level < 100_000; level++) deep = [deep]
  test.each([
    ['a BigInt', 1n],
    ['a cycle', cyclic],
    ['100,000 levels', deep],
  ])('data with %s is refused with INVALID_ARGUMENT', (_name, data) => {
    expect(() => encodeEnvelope({ type: 'a', data })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })

  test('__proto__ in data stays a plain field and pollutes nothing', () => {
    const back = decodeEnvelope(
      encodeEnvelope({
        type: 'a',
        data: JSON.parse('{"__proto__":{"admin":true}}'),
      }),
    )
    expect(JSON.stringify(back.data)).toBe('{"__proto__":{"admin":true}}')
    expect(({} as { admin?: boolean }).admin).toBeUndefined()
  })
})

describe('the request context', () => {
  test('flows with asynchronous calls and nests', async () => {
    await withContext({ transactionId: 't1', component: 'checkout' }, async () => {
      await new Promise((resolve) => setImmediate(resolve))
      expect(currentContext()).toEqual({
        transactionId: 't1',
        component: 'checkout',
      })
      withContext({ caller: 'job' }, () =>
        expect(currentContext()).toEqual({
          transactionId: 't1',
          component: 'checkout',
          caller: 'job',
        }),
      )
    })
    expect(currentContext()).toBeUndefined()
  })

  test("PDVend's headers fill it in any case, without control characters", () => {
    expect(
      contextFromHeaders({
        'x-telemetry-transaction-id': 'T-1',
        'X-TELEMETRY-CALLER': ['till-07\r\nX-Evil: 1', 'b'],
      }),
    ).toEqual({
      transactionId: 'T-1',
      caller: 'till-07X-Evil: 1',
    })
    expect(contextFromHeaders(new Headers({ 'X-Telemetry-Transaction-Id': 'T-2' }))).toEqual({ transactionId: 'T-2' })
    expect(contextToHeaders({ transactionId: 'T-1', caller: 'x' })).toEqual({
      'X-Telemetry-Transaction-Id': 'T-1',
      'X-Telemetry-Caller': 'x',
    })
  })
})

describe('ids', () => {
  test('T39 unique and sortable, also when the clock steps back an hour', () => {
    const ids = [newId(2e12), newId(2e12), newId(2e12 - 3_600_000), newId(2e12 + 1)]
    for (let more = 0; more < 10_000; more++) ids.push(newId(2e12 - more))
    expect(new Set(ids).size).toBe(ids.length)
    expect([...ids].sort()).toEqual(ids)
    expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })
})
