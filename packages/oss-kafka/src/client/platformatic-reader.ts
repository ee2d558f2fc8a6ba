import type { Consumer, ResponseError } from '@platformatic/kafka'
import type { IncomingRecord, KafkaReader, PartitionOffset, ReadBatch, ReaderOptions } from '../client.js'
import { closing, honest, isAnswer, type Library, type Options } from './platformatic-library.js'

/** Bits of a batch's attributes in Kafka's record format 2. */
const LOG_APPEND_TIME = 0b0000_1000
const CONTROL = 0b0010_0000

const OFFSET_OUT_OF_RANGE = 1
/** Of Kafka's isolation levels. */
const READ_UNCOMMITTED = 0

const NOT_YET = Promise.resolve(undefined)

type Raw = Consumer<Buffer, Buffer, Buffer, Buffer>
type FetchResponse = Awaited<ReturnType<Raw['fetch']>>
type FetchedPartition = FetchResponse['responses'][number]['partitions'][number]
type RecordsBatch = NonNullable<FetchedPartition['records']>[number]

interface Cursor {
  readonly topic: string
  readonly partition: number
  next: number
  end: number
  /** A fetch of it is under way. */
  busy: boolean
}

/** One fetch that ended. */
interface Harvest {
  readonly cursors: readonly Cursor[]
  readonly topicIds: ReadonlyMap<string, string>
  readonly response?: FetchResponse
  readonly error?: unknown
}

/**
 * One fetch under way for each leader. The library's streams join a group and stop for good after a few failed fetches; its
 * `fetch` does neither, and leaves positions, leaders and transactions to the caller.
 */
export async function platformaticReader(
  library: Library,
  options: Options,
  from: readonly PartitionOffset[],
  { maxWaitMs = 1_000, maxBytes = 8_388_608 }: ReaderOptions = {},
): Promise<KafkaReader> {
  const { requestTimeout = 10_000 } = options as { readonly requestTimeout?: number }
  const make = (): Raw =>
    new library.Consumer({ ...options, requestTimeout: requestTimeout + maxWaitMs, groupId: 'none', retries: 0 } as never) as Raw
  const cursors: readonly Cursor[] = from.map(({ topic, partition, offset }) => ({
    topic,
    partition,
    next: offset,
    end: offset,
    busy: false,
  }))
  const topics = [...new Set(from.map(({ topic }) => topic))]
  const underway = new Map<number, Promise<Harvest>>()
  let raw = make()
  let closed = false
  let wake!: () => void
  const ended = new Promise<void>((resolve) => (wake = resolve))

  /** Starts anew with other connections, and forgets what is under way on these. */
  function drop(): void {
    const left = raw
    void closing(() => left.close(true))
    underway.clear()
    for (const cursor of cursors) cursor.busy = false
    if (!closed) raw = make()
  }

  async function start(): Promise<void> {
    const { topics: known } = await raw.metadata({ topics: [...topics] })
    const leaderOf = ({ topic, partition }: Cursor): number => known.get(topic)?.partitions[partition]?.leader ?? -1
    for (const leader of new Set(cursors.map(leaderOf))) {
      const mine = cursors.filter((cursor) => !cursor.busy && leaderOf(cursor) === leader)
      if (leader < 0 || mine.length === 0 || underway.has(leader)) continue
      for (const cursor of mine) cursor.busy = true
      const topicIds = new Map(mine.map(({ topic }) => [known.get(topic)!.id, topic]))
      const asked = Array.from(topicIds, ([topicId, topic]) => ({
        topicId,
        partitions: mine
          .filter((cursor) => cursor.topic === topic)
          .map(({ partition, next }) => ({
            partition,
            fetchOffset: BigInt(next),
            partitionMaxBytes: maxBytes,
            currentLeaderEpoch: -1,
            lastFetchedEpoch: -1,
          })),
      }))
      const fetched = raw.fetch({
        node: leader,
        topics: asked,
        maxWaitTime: maxWaitMs,
        minBytes: 1,
        maxBytes,
        isolationLevel: READ_UNCOMMITTED,
      })
      underway.set(
        leader,
        fetched.then(
          (response) => ({ cursors: mine, topicIds, response }),
          (error: unknown) => {
            const { response } = error as Partial<ResponseError>
            return { cursors: mine, topicIds, error, ...(isAnswer(library, error) ? { response: response as FetchResponse } : {}) }
          },
        ),
      )
    }
    if (underway.size === 0) throw new library.ProtocolError('LEADER_NOT_AVAILABLE')
  }

  /** Takes what the ended fetches brought; the first error is told only where nothing else came. */
  async function gather(): Promise<readonly IncomingRecord[]> {
    const records: IncomingRecord[] = []
    let failed: Harvest | undefined
    for (const [leader, fetch] of [...underway]) {
      const harvest = await Promise.race([fetch, NOT_YET])
      if (harvest === undefined) continue
      underway.delete(leader)
      for (const cursor of harvest.cursors) cursor.busy = false
      for (const { topicId, partitions } of harvest.response?.responses ?? [])
        for (const found of partitions) {
          const topic = harvest.topicIds.get(topicId)
          const cursor = harvest.cursors.find((each) => each.topic === topic && each.partition === found.partitionIndex)
          if (cursor === undefined) continue
          if (found.errorCode === OFFSET_OUT_OF_RANGE) await moveIntoRange(cursor)
          else if (found.errorCode === 0) take(cursor, found, records)
        }
      if (harvest.error === undefined || onlyOutOfRange(harvest)) continue
      failed ??= harvest
      if (harvest.response === undefined) drop()
      else raw.clearMetadata()
    }
    if (failed !== undefined && records.length === 0) throw honest(library, failed.error)
    return records
  }

  /** After retention took what was wanted: on from the first record that is there. */
  async function moveIntoRange(cursor: Cursor): Promise<void> {
    const { topic, partition } = cursor
    const bound = async (timestamp: bigint): Promise<number> => {
      const found = await raw.listOffsets({ topics: [topic], partitions: { [topic]: [partition] }, timestamp })
      return Number(found.get(topic)?.[partition] ?? 0n)
    }
    const first = await bound(library.ListOffsetTimestamps.EARLIEST)
    cursor.next = Math.min(Math.max(cursor.next, first), await bound(library.ListOffsetTimestamps.LATEST))
  }

  const positions = (): ReadBatch['positions'] =>
    cursors.map(({ topic, partition, next, end }) => ({ topic, partition, next, end: Math.max(next, end) }))

  return {
    async read(signal) {
      if (closed) throw new library.UserError('the reader is closed')
      const deadline = performance.now() + maxWaitMs
      try {
        for (;;) {
          await start()
          if (!(await first(underway.values(), ended, signal))) return { records: [], positions: positions() }
          const records = await gather()
          if (records.length > 0 || performance.now() >= deadline) return { records, positions: positions() }
        }
      } catch (error) {
        if (closed) return { records: [], positions: positions() }
        if (!isAnswer(library, error)) drop()
        else raw.clearMetadata()
        throw honest(library, error)
      }
    },
    async close() {
      if (closed) return
      closed = true
      wake()
      await closing(() => raw.close(true))
    },
  }
}

/** True when one of `all` ended; false when the reader closes or the caller gives up. */
async function first(all: Iterable<Promise<unknown>>, ended: Promise<void>, signal: AbortSignal | undefined): Promise<boolean> {
  if (signal?.aborted === true) return false
  let stop!: () => void
  const given = new Promise<boolean>((resolve) => (stop = () => resolve(false)))
  signal?.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([...[...all].map((each) => each.then(() => true)), ended.then(() => false), given])
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}

function onlyOutOfRange({ response }: Harvest): boolean {
  const codes = (response?.responses ?? []).flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode))
  return codes.length > 0 && codes.every((code) => code === 0 || code === OFFSET_OUT_OF_RANGE)
}

/** Moves the cursor behind what `found` holds and adds its records, without markers of transactions. */
function take(cursor: Cursor, found: FetchedPartition, records: IncomingRecord[]): void {
  cursor.end = Number(found.highWatermark)
  for (const batch of found.records ?? []) {
    if ((batch.attributes & CONTROL) === 0) push(cursor, batch, records)
    cursor.next = Math.max(cursor.next, Number(batch.firstOffset) + batch.lastOffsetDelta + 1)
  }
}

function push({ topic, partition, next }: Cursor, batch: RecordsBatch, records: IncomingRecord[]): void {
  for (const { offsetDelta, timestampDelta, key, value, headers } of batch.records) {
    const offset = Number(batch.firstOffset) + offsetDelta
    // A batch comes whole, also where the wanted offset is in its middle.
    if (offset < next) continue
    const timestamp = (batch.attributes & LOG_APPEND_TIME) !== 0 ? batch.maxTimestamp : batch.firstTimestamp + timestampDelta
    records.push({
      topic,
      partition,
      offset,
      timestamp: Number(timestamp),
      key,
      value,
      headers: Object.fromEntries(headers.map(([name, text]) => [String(name), text ?? new Uint8Array()])),
    })
  }
}
