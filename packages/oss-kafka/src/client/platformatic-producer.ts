import type { MessageToProduce, Producer, ResponseError } from '@platformatic/kafka'
import type { KafkaProducer, OutgoingRecord, ProducerOptions, SendOutcome } from '../client.js'
import { closing, honest, isAnswer, type Library, type Options } from './platformatic-library.js'

/** Calls that wait are written together up to so many bytes of keys and values: well below the default `max.message.bytes`. */
const TOGETHER_BYTES = 262_144
const MESSAGE_TOO_LARGE = 10

/** A call of `send` that waits for its turn. */
interface Waiting {
  readonly records: readonly OutgoingRecord[]
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
    let answers: Answers
    let failure: unknown
    try {
      current ??= await make()
      const { offsets } = await current.send({ messages: records.map(messageOf), compression })
      answers = new Answers()
      answers.written(offsets)
    } catch (error) {
      const left = current
      current = undefined
      void closing(() => left?.close(true))
      failure = honest(library, error)
      answers = answersIn(library, error)
    }
    return records.map(({ topic, partition }) => answers.next(topic, partition) ?? { error: failure })
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
        queue.push({ records, resolve })
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
  if (queue.length === 1) return queue
  let bytes = 0
  const end = queue.findIndex(({ records }, index) => {
    for (const record of records) bytes += sizeOf(record)
    return bytes > TOGETHER_BYTES && index > 0
  })
  return end < 0 ? queue : queue.slice(0, end)
}

function sizeOf({ key, value, headers }: OutgoingRecord): number {
  let bytes = (key?.length ?? 0) + (value?.byteLength ?? 0)
  for (const name in headers) bytes += name.length + headers[name]!.length
  return bytes
}

function messageOf({ topic, partition, key, value, headers, timestamp }: OutgoingRecord) {
  const message: MessageToProduce<Buffer, Buffer, Buffer, Buffer> & { value: Buffer } = {
    topic,
    partition,
    value: value === null ? (null as never) : asBuffer(value),
  }
  if (key !== undefined) message.key = asBuffer(key)
  if (timestamp !== undefined) message.timestamp = BigInt(timestamp)
  if (headers !== undefined) {
    const bytes = new Map<Buffer, Buffer>()
    for (const name in headers) bytes.set(nameBytes(name), asBuffer(headers[name]!))
    message.headers = bytes
  }
  return message
}

/** Names of headers are few, and the same on every record. */
const names = new Map<string, Buffer>()
const MAX_NAMES = 100

function nameBytes(name: string): Buffer {
  const known = names.get(name)
  if (known !== undefined) return known
  const bytes = Buffer.from(name)
  if (names.size < MAX_NAMES) names.set(name, bytes)
  return bytes
}

function asBuffer(bytes: Uint8Array | string): Buffer {
  if (typeof bytes === 'string') return Buffer.from(bytes)
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** What the brokers answered, by topic and partition. */
class Answers {
  readonly #places = new Map<string, Map<number, { offset: number } | { readonly error: unknown }>>()

  written(offsets: readonly { readonly topic: string; readonly partition: number; readonly offset: bigint }[] = []): void {
    for (const { topic, partition, offset } of offsets) this.#of(topic).set(partition, { offset: Number(offset) })
  }

  refused(topic: string, partition: number, error: unknown): void {
    this.#of(topic).set(partition, { error })
  }

  /** Of the next record of this partition, in their order; undefined where nothing was answered. */
  next(topic: string, partition: number): SendOutcome | undefined {
    const place = this.#places.get(topic)?.get(partition)
    if (place === undefined || 'error' in place) return place
    return { offset: place.offset++ }
  }

  #of(topic: string): Map<number, { offset: number } | { readonly error: unknown }> {
    let partitions = this.#places.get(topic)
    if (partitions === undefined) this.#places.set(topic, (partitions = new Map()))
    return partitions
  }
}

/** What brokers answered for single partitions, also where the whole call failed because of others. */
function answersIn(library: Library, error: unknown): Answers {
  const answers = new Answers()
  answers.written((error as { produced?: { offsets?: Parameters<Answers['written']>[0] } }).produced?.offsets)
  const visit = (each: unknown): void => {
    if (each instanceof library.ResponseError) {
      for (const { name, partitionResponses } of (each as ResponseError & { response: ProduceAnswer }).response.responses ?? [])
        for (const { index, errorCode, errorMessage, baseOffset } of partitionResponses) {
          if (errorCode === 0) answers.written([{ topic: name, partition: index, offset: baseOffset }])
          else answers.refused(name, index, new library.ProtocolError(errorCode, errorMessage))
        }
    } else if (each instanceof library.MultipleErrors) each.errors.forEach(visit)
  }
  visit(error)
  return answers
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
  return ((error as { findBy?(property: string, value: unknown): unknown }).findBy?.('canRetry', false) ?? null) === null
}

function isTooLarge(error: unknown): boolean {
  return (error as { apiCode?: unknown } | undefined)?.apiCode === MESSAGE_TOO_LARGE
}

function isRefused(outcome: SendOutcome): boolean {
  return 'error' in outcome && isTooLarge(outcome.error)
}
