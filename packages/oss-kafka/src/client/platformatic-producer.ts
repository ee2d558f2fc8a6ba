import type { Producer, ResponseError } from '@platformatic/kafka'
import type { KafkaProducer, OutgoingRecord, ProducerOptions, SendOutcome } from '../client.js'
import { closing, honest, isAnswer, type Library, type Options } from './platformatic.js'

/** Calls that wait are written together up to so many bytes of keys and values: well below the default `max.message.bytes`. */
const TOGETHER_BYTES = 262_144
const MESSAGE_TOO_LARGE = 10

/** A call of `send` that waits for its turn. */
interface Waiting {
  readonly records: readonly OutgoingRecord[]
  readonly bytes: number
  readonly resolve: (outcomes: readonly SendOutcome[]) => void
}

type Raw = Producer<Buffer, Buffer, Buffer, Buffer>

/**
 * One request for all at a time, since 1.35 gives concurrent ones the same sequence numbers; what waits meanwhile goes with
 * the next one. After a failure a new producer goes on under a new id: the library repeats the sequence numbers of what
 * failed, and a broker that has that batch after all would take the next one for its repetition and drop it.
 */
export async function platformaticProducer(
  library: Library,
  options: Options,
  { compression = 'none' }: ProducerOptions = {},
): Promise<KafkaProducer> {
  const { requestTimeout = 10_000 } = options as { readonly requestTimeout?: number }
  const make = async (): Promise<Raw> => {
    // Fewer than two retries are taken for "for ever" where the producer is idempotent.
    const producer: Raw = new library.Producer<Buffer, Buffer, Buffer, Buffer>({
      ...options,
      idempotent: true,
      retries: 2,
      retryDelay: 100,
    })
    for (const deadline = Date.now() + requestTimeout; ; await new Promise((resolve) => setTimeout(resolve, 200))) {
      try {
        await producer.initIdempotentProducer({})
        return producer
      } catch (error) {
        // A broker that has just come up gives out no producer ids at first.
        if (isAnswer(library, error) && mayPass(error) && Date.now() < deadline) continue
        void closing(() => producer.close(true))
        throw error
      }
    }
  }
  let current: Raw | undefined = await make()
  let queue: Waiting[] = []
  let pumping: Promise<void> | undefined
  let closed = false

  async function write(records: readonly OutgoingRecord[]): Promise<readonly SendOutcome[]> {
    let places: ReadonlyMap<string, bigint>
    let failures: ReadonlyMap<string, unknown> | undefined
    let failure: unknown
    try {
      current ??= await make()
      places = placesOf((await current.send({ messages: records.map(messageOf), compression })).offsets)
    } catch (error) {
      const left = current
      current = undefined
      void closing(() => left?.close(true))
      failure = honest(library, error)
      ;({ places, failures } = answersIn(library, error))
    }
    const passed = new Map<string, number>()
    return records.map(({ topic, partition }) => {
      const name = `${topic}:${partition}`
      const place = places.get(name)
      if (place === undefined) return { error: failures?.get(name) ?? failure }
      const index = passed.get(name) ?? 0
      passed.set(name, index + 1)
      return { offset: Number(place) + index }
    })
  }

  async function pump(): Promise<void> {
    while (queue.length > 0) {
      const calls = takeTogether(queue)
      queue = queue.slice(calls.length)
      const outcomes = await write(calls.flatMap(({ records }) => records))
      let at = 0
      for (const { records, resolve } of calls) {
        const own = outcomes.slice(at, (at += records.length))
        // Together they were too much for the topic: each by itself may not be.
        const tooMuch = calls.length > 1 && own.some((outcome) => 'error' in outcome && isTooLarge(outcome.error))
        resolve(tooMuch ? await again(records, own) : own)
      }
    }
    // In the turn in which the queue was found empty: what comes later starts a pump of its own.
    pumping = undefined
  }

  /** Writes once more what was refused for the size of what it was put together with. */
  async function again(records: readonly OutgoingRecord[], outcomes: readonly SendOutcome[]): Promise<readonly SendOutcome[]> {
    const refused = records.filter((_, index) => isRefused(outcomes[index]!))
    const second = [...(await write(refused))]
    return outcomes.map((outcome) => (isRefused(outcome) ? second.shift()! : outcome))
  }

  return {
    send(records) {
      if (closed) return Promise.reject(new library.UserError('the producer is closed'))
      if (records.length === 0) return Promise.resolve([])
      return new Promise((resolve) => {
        queue.push({ records, bytes: records.reduce((sum, record) => sum + sizeOf(record), 0), resolve })
        pumping ??= pump()
      })
    },
    async close() {
      closed = true
      await pumping
      const left = current
      current = undefined
      await closing(() => left?.close(true))
    },
  }
}

function takeTogether(queue: readonly Waiting[]): readonly Waiting[] {
  let bytes = 0
  const end = queue.findIndex((call, index) => (bytes += call.bytes) > TOGETHER_BYTES && index > 0)
  return end < 0 ? queue : queue.slice(0, end)
}

function sizeOf({ key, value, headers }: OutgoingRecord): number {
  let bytes = (key?.length ?? 0) + (value?.byteLength ?? 0)
  for (const name in headers) bytes += name.length + headers[name]!.length
  return bytes
}

function messageOf({ topic, partition, key, value, headers, timestamp }: OutgoingRecord) {
  return {
    topic,
    partition,
    value: value === null ? (null as never) : asBuffer(value),
    ...(key === undefined ? {} : { key: asBuffer(key) }),
    ...(headers === undefined
      ? {}
      : { headers: new Map(Object.entries(headers).map(([name, text]) => [Buffer.from(name), asBuffer(text)])) }),
    ...(timestamp === undefined ? {} : { timestamp: BigInt(timestamp) }),
  }
}

function asBuffer(bytes: Uint8Array | string): Buffer {
  return typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function placesOf(
  offsets: readonly { readonly topic: string; readonly partition: number; readonly offset: bigint }[] = [],
): Map<string, bigint> {
  return new Map(offsets.map(({ topic, partition, offset }) => [`${topic}:${partition}`, offset]))
}

interface Answers {
  readonly places: ReadonlyMap<string, bigint>
  readonly failures: ReadonlyMap<string, unknown>
}

/** What brokers answered for single partitions, also where the whole call failed because of others. */
function answersIn(library: Library, error: unknown): Answers {
  const places = placesOf((error as { produced?: { offsets?: Parameters<typeof placesOf>[0] } }).produced?.offsets)
  const failures = new Map<string, unknown>()
  const visit = (each: unknown): void => {
    if (each instanceof library.ResponseError) {
      for (const { name, partitionResponses } of (each as ResponseError & { response: ProduceAnswer }).response.responses ?? [])
        for (const { index, errorCode, errorMessage, baseOffset } of partitionResponses) {
          if (errorCode === 0) places.set(`${name}:${index}`, baseOffset)
          else failures.set(`${name}:${index}`, new library.ProtocolError(errorCode, errorMessage))
        }
    } else if (each instanceof library.MultipleErrors) each.errors.forEach(visit)
  }
  visit(error)
  return { places, failures }
}

interface ProduceAnswer {
  readonly responses?: readonly {
    readonly name: string
    readonly partitionResponses: readonly {
      readonly index: number
      readonly errorCode: number
      readonly errorMessage?: string | null
      readonly baseOffset: bigint
    }[]
  }[]
}

/** No error among what the broker answered that another try does not change. */
function mayPass(error: unknown): boolean {
  return (error as { findBy?(property: string, value: unknown): unknown }).findBy?.('canRetry', false) == null
}

function isTooLarge(error: unknown): boolean {
  return (error as { apiCode?: unknown } | undefined)?.apiCode === MESSAGE_TOO_LARGE
}

function isRefused(outcome: SendOutcome): boolean {
  return 'error' in outcome && isTooLarge(outcome.error)
}
