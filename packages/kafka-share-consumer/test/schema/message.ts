// The message schemas of Apache Kafka, read as they ship in its jar: what a message is on the wire, without a line of our codecs.
import fc from 'fast-check'

interface Field {
  readonly name: string
  readonly type: string
  readonly versions: string
  readonly nullableVersions?: string
  readonly tag?: number
  readonly fields?: readonly Field[]
}

export interface MessageSchema {
  readonly apiKey: number
  readonly name: string
  readonly validVersions: string
  readonly flexibleVersions: string
  readonly fields: readonly Field[]
  readonly commonStructs?: readonly { readonly name: string; readonly fields: readonly Field[] }[]
}

export type Value = null | boolean | number | bigint | string | Uint8Array | readonly Value[] | { readonly [field: string]: Value }
type Struct = { readonly [field: string]: Value }

/** Unknown fields that a later version may add at the end of any struct. */
export type Tags = readonly (readonly [tag: number, value: Buffer])[]

export function parseSchema(json: string): MessageSchema {
  return JSON.parse(json.replaceAll(/^\s*\/\/.*$/gm, '')) as MessageSchema
}

export class Message {
  readonly #schema: MessageSchema
  readonly #version: number

  constructor(schema: MessageSchema, version: number) {
    this.#schema = schema
    this.#version = version
    if (!within(schema.validVersions, version) || !within(schema.flexibleVersions, version)) throw new Error(`${schema.name} v${version}`)
  }

  encode(value: Struct, tags: Tags = []): Buffer {
    const out: Buffer[] = []
    this.#writeStruct(out, this.#schema.fields, value, tags)
    return Buffer.concat(out)
  }

  decode(bytes: Buffer): Struct {
    const cursor = { bytes, at: 0 }
    const value = this.#readStruct(cursor, this.#schema.fields)
    if (cursor.at !== bytes.length) throw new Error(`${bytes.length - cursor.at} bytes are left`)
    return value
  }

  arbitrary(): fc.Arbitrary<Struct> {
    return this.#struct(this.#schema.fields)
  }

  #fields(fields: readonly Field[]): readonly Field[] {
    const present = fields.filter(({ versions }) => within(versions, this.#version))
    if (present.some(({ tag }) => tag !== undefined)) throw new Error('no message here has known tagged fields')
    return present
  }

  #nested(field: Field): readonly Field[] | undefined {
    const name = field.type.replace('[]', '')
    return field.fields ?? this.#schema.commonStructs?.find((struct) => struct.name === name)?.fields
  }

  #nullable({ nullableVersions }: Field): boolean {
    return nullableVersions !== undefined && within(nullableVersions, this.#version)
  }

  #writeStruct(out: Buffer[], fields: readonly Field[], value: Struct, tags: Tags): void {
    for (const field of this.#fields(fields)) this.#write(out, field, value[field.name]!, tags)
    out.push(varint(tags.length))
    for (const [tag, bytes] of tags) out.push(varint(tag), varint(bytes.length), bytes)
  }

  #write(out: Buffer[], field: Field, value: Value, tags: Tags): void {
    if (field.type.startsWith('[]')) {
      if (value === null) return void out.push(varint(0))
      const items = value as readonly Value[]
      const item = { ...field, type: field.type.slice(2) }
      out.push(varint(items.length + 1))
      for (const each of items) this.#write(out, { ...item, nullableVersions: 'none' }, each, tags)
      return
    }
    const nested = this.#nested(field)
    if (nested === undefined) return void out.push(writePrimitive(field.type, value))
    if (this.#nullable(field)) out.push(int(1, value === null ? -1 : 1))
    if (value !== null) this.#writeStruct(out, nested, value as Struct, tags)
  }

  #readStruct(cursor: Cursor, fields: readonly Field[]): Struct {
    const value = Object.fromEntries(this.#fields(fields).map((field) => [field.name, this.#read(cursor, field)]))
    for (let left = readVarint(cursor); left > 0; left--) {
      readVarint(cursor)
      take(cursor, readVarint(cursor))
    }
    return value
  }

  #read(cursor: Cursor, field: Field): Value {
    if (field.type.startsWith('[]')) {
      const length = readVarint(cursor) - 1
      const item = { ...field, type: field.type.slice(2), nullableVersions: 'none' }
      return length < 0 ? null : Array.from({ length }, () => this.#read(cursor, item))
    }
    const nested = this.#nested(field)
    if (nested === undefined) return readPrimitive(field.type, cursor)
    if (this.#nullable(field) && take(cursor, 1).readInt8() < 0) return null
    return this.#readStruct(cursor, nested)
  }

  #struct(fields: readonly Field[]): fc.Arbitrary<Struct> {
    return fc.record(Object.fromEntries(this.#fields(fields).map((field) => [field.name, this.#value(field)])))
  }

  #value(field: Field): fc.Arbitrary<Value> {
    const some = this.#some(field)
    return this.#nullable(field) ? fc.option(some, { freq: 4 }) : some
  }

  #some(field: Field): fc.Arbitrary<Value> {
    if (field.type.startsWith('[]')) {
      return fc.array(this.#some({ ...field, type: field.type.slice(2) }), { maxLength: 3 })
    }
    const nested = this.#nested(field)
    return nested === undefined ? primitiveOf(field.type) : this.#struct(nested)
  }
}

interface Cursor {
  readonly bytes: Buffer
  at: number
}

function take(cursor: Cursor, length: number): Buffer {
  if (cursor.at + length > cursor.bytes.length) throw new Error('past the end')
  return cursor.bytes.subarray(cursor.at, (cursor.at += length))
}

function within(range: string, version: number): boolean {
  if (range === 'none') return false
  const [first = '', last] = range.includes('+') ? [range.replace('+', ''), 'Infinity'] : range.split('-')
  return version >= Number(first) && version <= Number(last ?? first)
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest & 0x7f) | 0x80)
  return Buffer.from([...bytes, rest])
}

function readVarint(cursor: Cursor): number {
  let [value, factor] = [0, 1]
  for (;;) {
    const byte = take(cursor, 1)[0]!
    value += (byte & 0x7f) * factor
    if (byte < 0x80) return value
    factor *= 128
  }
}

function int(size: 1 | 2 | 4, value: number): Buffer {
  const bytes = Buffer.alloc(size)
  bytes.writeIntBE(value, 0, size)
  return bytes
}

function withLength(bytes: Uint8Array | null): Buffer {
  return bytes === null ? varint(0) : Buffer.concat([varint(bytes.length + 1), bytes])
}

function writePrimitive(type: string, value: Value): Buffer {
  switch (type) {
    case 'bool':
      return int(1, value === true ? 1 : 0)
    case 'int8':
      return int(1, value as number)
    case 'int16':
      return int(2, value as number)
    case 'int32':
      return int(4, value as number)
    case 'int64': {
      const bytes = Buffer.alloc(8)
      bytes.writeBigInt64BE(value as bigint)
      return bytes
    }
    case 'uuid':
      return Buffer.from((value as string).replaceAll('-', ''), 'hex')
    case 'string':
      return withLength(value === null ? null : Buffer.from(value as string))
    case 'records':
      return withLength(value as Uint8Array | null)
    default:
      throw new Error(`type ${type}`)
  }
}

function readPrimitive(type: string, cursor: Cursor): Value {
  switch (type) {
    case 'bool':
      return take(cursor, 1)[0] !== 0
    case 'int8':
      return take(cursor, 1).readInt8()
    case 'int16':
      return take(cursor, 2).readInt16BE()
    case 'int32':
      return take(cursor, 4).readInt32BE()
    case 'int64':
      return take(cursor, 8).readBigInt64BE()
    case 'uuid':
      return take(cursor, 16)
        .toString('hex')
        .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
    case 'string':
    case 'records': {
      const length = readVarint(cursor) - 1
      if (length < 0) return null
      const bytes = take(cursor, length)
      return type === 'string' ? bytes.toString() : bytes
    }
    default:
      throw new Error(`type ${type}`)
  }
}

function primitiveOf(type: string): fc.Arbitrary<Value> {
  switch (type) {
    case 'bool':
      return fc.boolean()
    case 'int8':
      return fc.integer({ min: -0x80, max: 0x7f })
    case 'int16':
      return fc.integer({ min: -0x8000, max: 0x7fff })
    case 'int32':
      return fc.integer({ min: -0x80000000, max: 0x7fffffff })
    case 'int64':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    case 'uuid':
      return fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => readPrimitive('uuid', { bytes: Buffer.from(bytes), at: 0 }))
    case 'string':
      return fc.oneof(
        { weight: 5, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
        { weight: 1, arbitrary: fc.string({ minLength: 130, maxLength: 300 }) },
      )
    case 'records':
      return fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))
    default:
      throw new Error(`type ${type}`)
  }
}
