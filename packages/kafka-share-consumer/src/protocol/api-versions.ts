import { createAPI, Writer, type Reader } from '@platformatic/kafka'
import { readStructs } from './tagged-fields.js'

export interface ApiVersionsResponse {
  readonly errorCode: number
  /** Highest version by API key. */
  readonly highest: ReadonlyMap<number, number>
  /** Level by feature that the cluster has turned on, such as `share.version`. */
  readonly features: ReadonlyMap<string, number>
}

const FINALIZED_FEATURES = 2

/** API key 18, version 3, with the cluster's features, which the client's own parser leaves out before its version 2. */
export const apiVersions = createAPI<[clientName: string, clientVersion: string], ApiVersionsResponse>(
  18,
  3,
  (clientName: string, clientVersion: string) => Writer.create().appendString(clientName).appendString(clientVersion).appendTaggedFields(),
  parseApiVersions,
  true,
  false,
)

function parseApiVersions(_correlationId: number, _apiKey: number, _version: number, reader: Reader): ApiVersionsResponse {
  const errorCode = reader.readInt16()
  const apis = readStructs(reader, (each) => ({ key: each.readInt16(), lowest: each.readInt16(), highest: each.readInt16() }))
  reader.readInt32()
  const features = new Map<string, number>()
  for (let left = reader.readUnsignedVarInt(); left > 0; left--) {
    const [tag, size] = [reader.readUnsignedVarInt(), reader.readUnsignedVarInt()]
    const end = reader.position + size
    if (tag === FINALIZED_FEATURES) {
      for (const { name, level } of readStructs(reader, readFeature)) features.set(name, level)
    }
    reader.skip(end - reader.position)
  }
  return { errorCode, highest: new Map(apis.map(({ key, highest }) => [key, highest])), features }
}

function readFeature(reader: Reader): { readonly name: string; readonly level: number } {
  const name = reader.readString()
  const level = reader.readInt16()
  reader.readInt16()
  return { name, level }
}
