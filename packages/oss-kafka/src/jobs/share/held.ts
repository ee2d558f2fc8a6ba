import type { Clock, DriverCall } from '@pdvend/ports'
import type { IncomingRecord, KafkaClient, KafkaReader } from '../../client.js'
import { Appender } from '../classic/appender.js'
import { until } from '../classic/signals.js'

/** What one worker holds of one queue. */
interface Held {
  readonly count: number
  /** When the last of its leases ends: a worker that died says no more. */
  readonly until: number
}

const PARTITION = 0
/** Fewer jobs in hand are told together, this late; more are told before they are handed over. */
const LINGER_MS = 20

/**
 * How many jobs are in hand, over all workers: a share group tells what is not done, and not what of it is locked. So each
 * worker writes its count into a compacted topic, and who is asked for the depth reads that.
 */
export class HeldCounts {
  readonly #appender: Appender
  readonly #told = new Map<string, number>()
  readonly #lingering = new Set<string>()
  readonly #others = new Map<string, Map<string, Held>>()
  #reader: Promise<KafkaReader> | undefined
  #next = 0
  #looking: Promise<void> = Promise.resolve()
  #closed = false

  constructor(
    private readonly deps: {
      readonly client: KafkaClient
      readonly clock: Clock
      readonly topic: string
      readonly writer: string
      readonly mine: (name: string) => Held
    },
  ) {
    const { client, topic, writer } = deps
    let producer: ReturnType<KafkaClient['producer']> | undefined
    const connected = (): ReturnType<KafkaClient['producer']> => {
      producer ??= client.producer()
      producer.catch(() => (producer = undefined))
      return producer
    }
    this.#appender = new Appender(topic, writer, connected)
  }

  /** Resolves when the count is there for others to see. @throws what the client throws, or the signal's reason */
  async tell(name: string, signal: AbortSignal): Promise<void> {
    const held = this.deps.mine(name)
    if (held.count === 0 && (this.#told.get(name) ?? 0) === 0) return
    this.#told.set(name, held.count)
    const record = { key: `${this.deps.writer} ${name}`, value: Buffer.from(JSON.stringify(held)), headers: {} }
    await Promise.all(this.#appender.append([record], signal))
  }

  tellSoon(name: string): void {
    if (this.#lingering.has(name) || this.#closed) return
    this.#lingering.add(name)
    this.deps.clock.timer(LINGER_MS, () => {
      this.#lingering.delete(name)
      // The next count says it anew.
      if (!this.#closed) this.tell(name, AbortSignal.timeout(10_000)).catch(() => undefined)
    })
  }

  /** Jobs of this name in hand, by all workers. @throws what the client throws, or the signal's reason */
  async count(name: string, { signal }: DriverCall): Promise<number> {
    const look = this.#looking.catch(() => undefined).then(() => this.#look(signal))
    this.#looking = look
    await until(look, signal)
    const now = this.deps.clock.now()
    let held = this.deps.mine(name).count
    for (const [writer, counted] of this.#others.get(name) ?? []) {
      if (writer !== this.deps.writer && counted.until > now) held += counted.count
    }
    return held
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#appender.idle()
    await (await this.#reader?.catch(() => undefined))?.close()
  }

  /** Reads on to the present end. */
  async #look(signal: AbortSignal): Promise<void> {
    const { client, topic } = this.deps
    const end = (await client.admin.offsets(topic, 'latest'))[PARTITION]?.offset ?? 0
    if (this.#next >= end) return
    this.#reader ??= client.reader([{ topic, partition: PARTITION, offset: 0 }], { maxWaitMs: 100 })
    try {
      const reader = await this.#reader
      while (this.#next < end && !signal.aborted) {
        const { records, positions } = await reader.read(signal)
        for (const record of records) this.#take(record)
        this.#next = positions[0]?.next ?? end
      }
    } catch (error) {
      void this.#reader.then((reader) => reader.close()).catch(() => undefined)
      this.#reader = undefined
      this.#next = 0
      throw error
    }
  }

  #take({ key, value }: IncomingRecord): void {
    if (key === null || value === null) return
    const [writer, name] = Buffer.from(key).toString().split(' ') as [string, string]
    const counts = this.#others.get(name) ?? new Map<string, Held>()
    this.#others.set(name, counts.set(writer, JSON.parse(Buffer.from(value).toString()) as Held))
  }
}
