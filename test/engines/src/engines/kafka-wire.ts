import { exchange } from '../process/probe.js'

/** The few requests that tell whether a broker serves; a client would bring seconds of retries and a dependency. */
const apiVersions = 18
const metadata = 3
const findCoordinator = 10

const string = (value: string): Buffer => Buffer.concat([int16(value.length), Buffer.from(value)])
const int16 = (value: number): Buffer => Buffer.from([(value >> 8) & 0xff, value & 0xff])
function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32BE(value)
  return buffer
}

/** One request with a header of version 1; returns the body of the answer. */
async function request(port: number, key: number, version: number, body: Buffer): Promise<Buffer> {
  const frame = Buffer.concat([int16(key), int16(version), int32(1), string('pdvend-engines'), body])
  const whole = (answer: Buffer): boolean => answer.length >= 4 && answer.length >= 4 + answer.readInt32BE(0)
  const answer = await exchange(port, Buffer.concat([int32(frame.length), frame]), whole)
  return answer.subarray(8)
}

/** True once a broker is listed as reachable: it has joined its controller. */
export async function brokerServes(port: number): Promise<boolean> {
  const answer = await request(port, metadata, 1, int32(0))
  return answer.readInt32BE(0) > 0
}

/** The API keys that the broker speaks, each with its highest version. */
export async function apisOf(port: number): Promise<ReadonlyMap<number, number>> {
  const answer = await request(port, apiVersions, 0, Buffer.alloc(0))
  const apis = new Map<number, number>()
  for (let at = 6; at + 6 <= answer.length; at += 6) apis.set(answer.readInt16BE(at), answer.readInt16BE(at + 4))
  return apis
}

/** Asks for a coordinator, which makes the broker create its internal topic; true once there is one. */
export async function hasCoordinator(port: number, kind: 'group' | 'transaction'): Promise<boolean> {
  const answer = await request(port, findCoordinator, 1, Buffer.concat([string('pdvend-warm-up'), Buffer.from([kind === 'group' ? 0 : 1])]))
  return answer.readInt16BE(4) === 0
}
