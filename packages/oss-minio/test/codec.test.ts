import { crc32 } from 'node:zlib'
import { expect, test } from '@jest/globals'
import { PortError } from '@pdvend/ports'
import fc from 'fast-check'
import { elements, escape, fitsXml, textOf } from '../src/client/xml.js'
import { toAttributes, toHeaders } from '../src/codec.js'
import { combineCrc } from '../src/crc.js'
import { partBytesOf } from '../src/multipart.js'
import { partBytesFor } from '../src/parts.js'

const value = fc
  .oneof(fc.string({ unit: 'binary', maxLength: 60 }), fc.constantFrom('', ' a ', '=?UTF-8?B?eA==?=', 'a  b', '=?', 'ação €'))
  // oxlint-disable-next-line no-control-regex -- the port lets none of these through
  .filter((text) => !/[\u0000-\u001f\u007f-\u009f]/.test(text) && text.isWellFormed())

test('metadata in any language comes back from headers of printable ASCII', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom('a', 'x-b', '__proto__', 'constructor', "!#$%&'*+.^_`|~-"), value), (metadata) => {
      const headers = toHeaders({ contentType: 'text/plain', metadata }, undefined)
      for (const text of Object.values(headers)) expect(text).toMatch(/^[\x20-\x7e]+$/)
      const back = toAttributes(headers).metadata
      expect(new Map(Object.entries(back))).toEqual(new Map(Object.entries(metadata)))
    }),
    { numRuns: 300 },
  )
})

test('plain metadata is stored as it is; encoded words of other tools are read', () => {
  expect(toHeaders({ contentType: 'a/b', metadata: { caixa: '07 norte' } }, undefined)).toEqual({
    'content-type': 'a/b',
    'x-amz-meta-caixa': '07 norte',
  })
  const read = (text: string): unknown => toAttributes({ 'x-amz-meta-a': text }).metadata.a
  expect(read('=?UTF-8?q?a=C3=A7=C3=A3o_x?=')).toBe('ação x')
  expect(read('=?utf-8?B?w6c=?= =?utf-8?B?w6M=?=')).toBe('çã')
  expect(read('=?nothing')).toBe('=?nothing')
})

test('metadata that grows beyond what is stored is refused before anything is sent', () => {
  const metadata = { a: 'é'.repeat(900) }
  expect(() => toHeaders({ contentType: 'a/b', metadata }, undefined)).toThrow(PortError)
  expect(() => toHeaders({ contentType: 'a/b', metadata: { a: 'x'.repeat(2_036) } }, undefined)).not.toThrow()
})

test('text goes through XML and back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      fc.pre(fitsXml(text) && text.isWellFormed())
      expect(textOf(`<A><Key>${escape(text)}</Key></A>`, 'Key')).toBe(text)
    }),
    { numRuns: 300 },
  )
  expect([...elements('<L><C>1</C><D/><C>2</C></L>', 'C')]).toEqual(['1', '2'])
  expect(textOf('<A><K>&#34;&amp;&#x20AC;&lt;</K></A>', 'K')).toBe('"&€<')
})

test('checksums of parts make that of the whole', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (one, other) => {
      expect(combineCrc(crc32(one), crc32(other), other.byteLength)).toBe(crc32(Buffer.concat([one, other])))
    }),
    { numRuns: 300 },
  )
})

test('10,000 parts reach 5 TiB, of known and of unknown length', () => {
  const mebibytes8 = 8 * 1_048_576
  let bytes = 0
  for (let part = 1; part <= 10_000; part++) bytes += partBytesOf(part, mebibytes8)
  expect(bytes).toBeGreaterThan(5 * 1_024 ** 4)
  expect(Math.ceil((5 * 1_024 ** 4) / partBytesFor(5 * 1_024 ** 4, mebibytes8))).toBeLessThanOrEqual(10_000)
})
