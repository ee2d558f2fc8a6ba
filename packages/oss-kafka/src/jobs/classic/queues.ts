import { type Clock, type ClockTimer, PortError } from '@pdvend/ports'
import type { KafkaClient, KafkaProducer, TopicInfo } from '../../client.js'
import { nameOf, PARTITION, topicOf } from '../topics.js'
import { Appender } from './appender.js'
import { Cleaner } from './cleaner.js'
import { Replica } from './replica.js'
import { until } from './signals.js'

export interface QueuesDeps {
  readonly client: KafkaClient
  readonly clock: Clock
  readonly adapter: string
  readonly prefix: string
  /** Unique for this process and opening. */
  readonly writer: string
  /** Told where what is done could not be deleted; it is tried again. */
  readonly cleaningFailed: (topic: string, error: unknown) => void
}

/** A queue that exists. */
export interface Queue {
  readonly name: string
  readonly appender: Appender
}

interface Held extends Queue {
  replica: Promise<Replica> | undefined
  cleaner: Cleaner | undefined
}

/** Records between two wanted ones that are rather read than jumped over. */
const NEAR = 5_000
/** Longest first reading of a queue, in milliseconds. */
const OPEN_MS = 120_000
/** How long a queue that was only looked at stays open for the next look, in milliseconds. */
const LINGER_MS = 30_000
/** How many queues are read at once where many are asked for; of more than that, none lingers. */
const SCANS = 8

/** The queues that this process has to do with: which exist, how to write to them, and what it has read of them. */
export class Queues {
  readonly #held = new Map<string, Held>()
  readonly #opening = new Map<string, Promise<Held>>()
  readonly #looks = new Map<string, number>()
  readonly #lingering = new Map<string, ClockTimer>()
  /** Those that this process works on: a look does not close them. */
  readonly #kept = new Set<string>()
  #producer: Promise<KafkaProducer> | undefined
  readonly #closing = new AbortController()

  constructor(private readonly deps: QueuesDeps) {}

  /** @throws NOT_FOUND naming `pdvend provision` | CONFIG_INVALID | what the client throws */
  async get(name: string): Promise<Queue> {
    return this.#get(name)
  }

  async #get(name: string): Promise<Held> {
    const held = this.#held.get(name)
    if (held !== undefined) return held
    let opening = this.#opening.get(name)
    if (opening === undefined) {
      opening = this.#look(name).finally(() => this.#opening.delete(name))
      this.#opening.set(name, opening)
    }
    return opening
  }

  async #look(name: string): Promise<Held> {
    const topic = topicOf(name, this.deps)
    const [info] = await this.deps.client.admin.topics([topic])
    if (info === undefined) throw this.#error('NOT_FOUND', name, `topic ${topic} does not exist: make it by \`pdvend provision\``)
    this.#check(name, info)
    const held: Held = {
      name,
      appender: new Appender(topic, this.deps.writer, () => this.#connected()),
      replica: undefined,
      cleaner: undefined,
    }
    this.#held.set(name, held)
    return held
  }

  #check(name: string, { name: topic, partitions }: TopicInfo): void {
    if (partitions !== 1)
      throw this.#error(
        'CONFIG_INVALID',
        name,
        `topic ${topic} has ${partitions} partitions, and a queue has one: its order is the order of its log. Make it anew by \`pdvend provision\``,
      )
  }

  #error(code: 'NOT_FOUND' | 'CONFIG_INVALID' | 'CLOSED', target: string, detail: string): PortError {
    return new PortError(code, { adapter: this.deps.adapter, target, detail })
  }

  /** The queue's state, read to the end of its log at the first call; it stays open. @throws as {@link get} */
  replica(name: string, signal: AbortSignal): Promise<Replica> {
    this.#kept.add(name)
    return this.#replica(name, signal)
  }

  async #replica(name: string, signal: AbortSignal): Promise<Replica> {
    const held = await until(this.#get(name), signal)
    if (this.#closing.signal.aborted) throw this.#error('CLOSED', name, 'the driver is closed')
    if (held.replica === undefined) {
      const { client, clock, writer, cleaningFailed: failed } = this.deps
      // Whoever waits for it may leave before the others.
      const opening = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(OPEN_MS)])
      const replica = Replica.open(held.appender.topic, held.appender, { client, clock, writer }, opening)
      held.replica = replica
      replica.then(
        (opened) => (held.cleaner = new Cleaner(opened, { client, clock, payloads: (...of) => this.payloads(...of), failed })),
        () => (held.replica = undefined),
      )
    }
    return until(held.replica, signal)
  }

  /** Names of all queues of this prefix. */
  async names(): Promise<readonly string[]> {
    const topics = await this.deps.client.admin.topicNames()
    return topics.flatMap((topic) => nameOf(topic, this.deps) ?? []).toSorted()
  }

  /** Looks into each queue that exists, for what does not holds nothing. Those that nobody works on are closed again in the end. */
  async each<T>(
    names: readonly string[],
    signal: AbortSignal,
    look: (name: string, replica: Replica) => Promise<T>,
  ): Promise<readonly T[]> {
    const existing = await until(this.#existing(names), signal)
    const lingerMs = existing.length <= SCANS ? LINGER_MS : 0
    const found: T[] = []
    let next = 0
    const scan = async (): Promise<void> => {
      for (let at = next++; at < existing.length; at = next++) {
        const name = existing[at]!
        const leave = this.#enter(name, lingerMs)
        try {
          const open = this.#held.get(name)?.replica !== undefined
          const replica = await this.#replica(name, signal)
          if (open) await replica.catchUp(signal)
          found[at] = await look(name, replica)
        } finally {
          leave()
        }
      }
    }
    await Promise.all(Array.from({ length: Math.min(SCANS, existing.length) }, scan))
    return found
  }

  /** Counts a look; with the last one that leaves, the queue is closed after a while, unless somebody came or works on it. */
  #enter(name: string, lingerMs: number): () => void {
    this.#looks.set(name, (this.#looks.get(name) ?? 0) + 1)
    this.#lingering.get(name)?.cancel()
    return () => {
      const left = this.#looks.get(name)! - 1
      this.#looks.set(name, left)
      if (left > 0 || this.#kept.has(name)) return
      const release = (): void => {
        this.#lingering.delete(name)
        if ((this.#looks.get(name) ?? 0) === 0 && !this.#kept.has(name)) void this.#release(name).catch(() => {})
      }
      if (lingerMs === 0) release()
      else this.#lingering.set(name, this.deps.clock.timer(lingerMs, release))
    }
  }

  async #existing(names: readonly string[]): Promise<readonly string[]> {
    const unknown = names.filter((name) => !this.#held.has(name))
    if (unknown.length === 0) return names
    const topics = await this.deps.client.admin.topics(unknown.map((name) => topicOf(name, this.deps)))
    const found = new Set(topics.map(({ name }) => nameOf(name, this.deps)))
    return names.filter((name) => this.#held.has(name) || found.has(name))
  }

  async #release(name: string): Promise<void> {
    const held = this.#held.get(name)
    const replica = held?.replica
    if (held === undefined || replica === undefined) return
    held.replica = undefined
    held.cleaner?.close()
    await (await replica).close()
  }

  /**
   * Payloads by the offsets of their records; one that was deleted is left out.
   * @throws what the client throws, or the signal's reason
   */
  async payloads(topic: string, offsets: readonly number[], signal: AbortSignal): Promise<ReadonlyMap<number, Uint8Array>> {
    const found = new Map<number, Uint8Array>()
    const wanted = offsets.toSorted((a, b) => a - b)
    for (let at = 0; at < wanted.length;) {
      const last = wanted.findIndex((offset, index) => index > at && offset > wanted[index - 1]! + NEAR)
      const run = new Set(wanted.slice(at, last < 0 ? undefined : last))
      at += run.size
      await this.#readRun(topic, run, found, signal)
    }
    return found
  }

  /** Offsets near each other, in one pass. */
  async #readRun(topic: string, run: ReadonlySet<number>, found: Map<number, Uint8Array>, signal: AbortSignal): Promise<void> {
    const end = Math.max(...run)
    const reader = await this.deps.client.reader([{ topic, partition: PARTITION, offset: Math.min(...run) }], { maxWaitMs: 100 })
    try {
      for (let next = 0; next <= end && !signal.aborted;) {
        const { records, positions } = await reader.read(signal)
        for (const { offset, value } of records) if (run.has(offset)) found.set(offset, value ?? new Uint8Array())
        next = positions[0]?.next ?? end + 1
      }
    } finally {
      await reader.close()
    }
    if (signal.aborted) throw signal.reason
  }

  #connected(): Promise<KafkaProducer> {
    if (this.#producer === undefined) {
      const producer = this.deps.client.producer()
      this.#producer = producer
      producer.catch(() => (this.#producer = undefined))
    }
    return this.#producer
  }

  async close(): Promise<void> {
    this.#closing.abort(this.#error('CLOSED', '', 'the driver is closed'))
    for (const timer of this.#lingering.values()) timer.cancel()
    const all = [...this.#held.values()]
    await Promise.all(all.map(({ appender }) => appender.idle()))
    await Promise.all(
      all.map(async ({ replica, cleaner }) => {
        cleaner?.close()
        await replica?.then((opened) => opened.close()).catch(() => {})
      }),
    )
    await this.#producer?.then((producer) => producer.close()).catch(() => {})
  }
}
