import type { Reader, Writer } from '@platformatic/kafka'

/** Reads past a tag buffer, so that fields of a later version do no harm. The client's own `readTaggedFields` takes the number of fields for a length in bytes. */
export function skipTaggedFields(reader: Reader): void {
  for (let left = reader.readUnsignedVarInt(); left > 0; left--) {
    reader.readUnsignedVarInt()
    reader.skip(reader.readUnsignedVarInt())
  }
}

/** Reads a compact array of structs, each with a tag buffer at its end. */
export function readStructs<T>(reader: Reader, read: (reader: Reader) => T): T[] {
  const readOne = (each: Reader): T => {
    const value = read(each)
    skipTaggedFields(each)
    return value
  }
  return reader.readArray(readOne, true, false)
}

/** Writes a compact array of structs, each with an empty tag buffer at its end. */
export function appendStructs<T>(writer: Writer, values: readonly T[], write: (writer: Writer, value: T) => unknown): Writer {
  return writer.appendArray(values as T[], (each, value) => void write(each, value), true, true)
}
