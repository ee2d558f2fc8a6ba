import { pbkdf2Sync, randomBytes } from 'node:crypto'
import { exchange } from '../process/probe.js'

/** The few requests that tell whether a broker serves; a client would bring seconds of retries and a dependency. */
const apiVersions = 18
const listOffsets = 2
const metadata = 3
const findCoordinator = 10
const alterUserScramCredentials = 51

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

/** True once the broker has joined its controller and leads every partition that is its own: a restarted one answers before it does. */
export async function brokerServes(port: number): Promise<boolean> {
  const { self, topics } = readMetadata(await request(port, metadata, 1, int32(-1)), port)
  if (self === undefined) return false
  const own = topics.flatMap(({ name, partitions }) => {
    const indexes = partitions.filter(({ leader, replicas }) => leader === self || (leader === -1 && replicas.join() === String(self)))
    return indexes.length === 0 ? [] : [{ name, indexes }]
  })
  if (own.length === 0) return true
  const latest = Buffer.alloc(8, 0xff)
  const asked = own.map(({ name, indexes }) =>
    Buffer.concat([string(name), int32(indexes.length), ...indexes.flatMap(({ index }) => [int32(index), latest])]),
  )
  const answer = new Reader(await request(port, listOffsets, 1, Buffer.concat([int32(-1), int32(own.length), ...asked])))
  const errors = answer.array(() => (answer.string(), answer.array(() => (answer.skip(4), answer.int16Then(16)))))
  return errors.flat().every((error) => error === 0)
}

interface Metadata {
  /** The id of the node at the port; undefined while it has not joined. */
  readonly self: number | undefined
  readonly topics: readonly { name: string; partitions: readonly { index: number; leader: number; replicas: readonly number[] }[] }[]
}

function readMetadata(body: Buffer, port: number): Metadata {
  const answer = new Reader(body)
  const brokers = answer.array(() => {
    const id = answer.int32()
    answer.string()
    const broker = { id, port: answer.int32() }
    answer.string()
    return broker
  })
  answer.skip(4)
  const topics = answer.array(() => {
    answer.skip(2)
    const name = answer.string()
    answer.skip(1)
    const partitions = answer.array(() => {
      answer.skip(2)
      const index = answer.int32()
      const leader = answer.int32()
      const replicas = answer.array(() => answer.int32())
      answer.array(() => answer.int32())
      return { index, leader, replicas }
    })
    return { name, partitions }
  })
  return { self: brokers.find((broker) => broker.port === port)?.id, topics }
}

/** Reads the protocol's fields one after the other. */
class Reader {
  private at = 0

  constructor(private readonly bytes: Buffer) {}

  skip(count: number): void {
    this.at += count
  }

  int32(): number {
    this.at += 4
    return this.bytes.readInt32BE(this.at - 4)
  }

  /** A 16-bit field, and past what follows it. */
  int16Then(skip: number): number {
    this.at += 2 + skip
    return this.bytes.readInt16BE(this.at - 2 - skip)
  }

  /** Null reads as empty. */
  string(): string {
    const length = Math.max(0, this.int16Then(0))
    this.at += length
    return this.bytes.toString('utf8', this.at - length, this.at)
  }

  array<Item>(item: () => Item): readonly Item[] {
    return Array.from({ length: Math.max(0, this.int32()) }, item)
  }
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

/** SCRAM's mechanisms by Kafka's number. */
const scram = { sha256: 1, sha512: 2 } as const
const scramIterations = 4_096

/** Gives a user a password for SCRAM-SHA-256 and SCRAM-SHA-512: such users are records of the broker, not lines of its settings. */
export async function addScramUser(port: number, user: string, password: string): Promise<void> {
  const bytes = (value: Buffer): Buffer => Buffer.concat([Buffer.from([value.length + 1]), value])
  const tags = Buffer.from([0])
  for (const [digest, mechanism] of Object.entries(scram)) {
    const salt = randomBytes(16)
    const salted = pbkdf2Sync(password, salt, scramIterations, digest === 'sha256' ? 32 : 64, digest)
    const credential = [bytes(Buffer.from(user)), Buffer.from([mechanism]), int32(scramIterations), bytes(salt), bytes(salted), tags]
    // Header and body are of the flexible kind, each with its tags. Nobody is deleted, and a request may hold a user once.
    const body = Buffer.concat([tags, Buffer.from([1]), Buffer.from([2]), ...credential, tags])
    const answer = await request(port, alterUserScramCredentials, 0, body)
    // Tags, throttle time, the number of results and one, the first one's user.
    const error = answer.readInt16BE(6 + user.length + 1)
    if (answer[5] !== 2 || error !== 0) throw new Error(`the broker did not take the user ${user}: error ${error}`)
  }
}
