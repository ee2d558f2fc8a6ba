import { readFile } from 'node:fs/promises'
import { inflateRawSync } from 'node:zlib'

const END_OF_DIRECTORY = 0x06054b50
const DEFLATED = 8

/** Reads single files out of a jar, by its central directory. */
export async function openJar(path: string): Promise<(name: string) => string> {
  const jar = await readFile(path)
  let end = jar.length - 22
  while (jar.readUInt32LE(end) !== END_OF_DIRECTORY) end--
  const entries = new Map<string, { readonly method: number; readonly size: number; readonly header: number }>()
  let at = jar.readUInt32LE(end + 16)
  for (let left = jar.readUInt16LE(end + 10); left > 0; left--) {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) => jar.readUInt16LE(at + offset)) as [number, number, number]
    const name = jar.toString('utf8', at + 46, at + 46 + nameLength)
    entries.set(name, { method: jar.readUInt16LE(at + 10), size: jar.readUInt32LE(at + 20), header: jar.readUInt32LE(at + 42) })
    at += 46 + nameLength + extraLength + commentLength
  }
  return (name) => {
    const entry = entries.get(name)
    if (entry === undefined) throw new Error(`${path} has no ${name}`)
    const start = entry.header + 30 + jar.readUInt16LE(entry.header + 26) + jar.readUInt16LE(entry.header + 28)
    const packed = jar.subarray(start, start + entry.size)
    return (entry.method === DEFLATED ? inflateRawSync(packed) : packed).toString('utf8')
  }
}
