import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, test } from '@jest/globals'
import { startEngine, startKafkaCluster, whyMissing } from '@pdvend/engines'
import type { ShareConsumer, ShareConsumerEvent } from '../src/index.js'
import { eventually, numberOf, open, produce, setUp, take, type Bench } from './kafka.js'

/** 1 is the quick size. */
const SCALE = Number(process.env['PDVEND_TEST_SCALE'] ?? 1)
const COUNT = Math.round(2_000 * SCALE)
const LIMIT_MS = 120_000 + 60_000 * SCALE

for (const version of ['4.4.0', '4.2.2']) {
  const reason = await whyMissing('kafka', { version, named: false })
  const title = `faults on Kafka ${version}`
  if (reason !== undefined) test.skip(`${title} (skipped: ${reason})`, () => {})
  else describe(title, () => describeFaults(version))
}

function describeFaults(version: string): void {
  test(
    'a broker killed twice: what was produced is accepted, what was accepted stays so',
    async () => {
      const engine = await startEngine('kafka', { version, named: false })
      try {
        const bench = await setUp(engine.url, { partitions: 2 })
        await produce(bench, 0, COUNT, 2)
        const crew = new Crew(bench, COUNT)
        await crew.start(3)
        for (const part of [3, 2]) {
          await eventually(`a ${part}th is accepted`, () => crew.accepted.size >= COUNT / part, LIMIT_MS)
          await engine.kill!()
        }
        await crew.finish()
        crew.report(`kafka ${version}, broker killed at a third and at a half of ${COUNT}`)
        crew.check()
      } finally {
        await engine.stop()
      }
    },
    LIMIT_MS,
  )

  test(
    'a broker that stands still for longer than locks and session: the member comes back, nothing is lost',
    async () => {
      const engine = await startEngine('kafka', { version, named: false })
      try {
        const bench = await setUp(engine.url)
        await produce(bench, 0, 20)
        const events: ShareConsumerEvent[] = []
        await using consumer = await open(bench, { observe: (event) => events.push(event), connection: { requestTimeout: 1_500 } })
        const [first] = await take(consumer, 1)
        const goOn = await engine.pause!()
        const poll = consumer.poll({ waitMs: 500 })
        const word = first!.accept().then(
          () => 'accepted',
          (error: { readonly code: string }) => error.code,
        )
        assert.ok((await Promise.race([poll, sleep(5_000, 'late')])) !== 'late')
        await sleep(4_500)
        await goOn()
        assert.ok(['accepted', 'LOCK_LOST', 'OUTCOME_UNKNOWN'].includes(await word))
        const rest = new Map<number, true>()
        await eventually('all others are accepted', async () => {
          for (const record of await consumer.poll({ maxRecords: 20, waitMs: 200 })) {
            await record.accept().then(
              () => rest.set(numberOf(record), true),
              () => undefined,
            )
          }
          return [...rest.keys()].filter((n) => n !== 0).length === 19
        })
      } finally {
        await engine.stop()
      }
    },
    LIMIT_MS,
  )
}

const reason = await whyMissing('kafka', { version: '4.4.0', named: false })
const title = 'three brokers, each one taken away in turn: leaders are followed, nothing is lost'
if (reason !== undefined) test.skip(`${title} (skipped: ${reason})`, () => {})
else
  test(
    title,
    async () => {
      const cluster = await startKafkaCluster({ version: '4.4.0' })
      try {
        const bench = await setUp(cluster.url, { partitions: 3, replicas: 3 })
        await produce(bench, 0, COUNT, 3)
        const crew = new Crew(bench, COUNT)
        await crew.start(3)
        for (const [turn, node] of cluster.nodes.entries()) {
          await eventually(`part ${turn + 1} is accepted`, () => crew.accepted.size >= (COUNT * (turn + 1)) / 4, LIMIT_MS)
          const call = await node.down!('killed')
          // Long enough for the two others to take over what it led, and to be asked for it.
          await sleep(3_000)
          await call()
        }
        await crew.finish()
        crew.report(`three brokers, each killed in turn, ${COUNT} records`)
        crew.check()
      } finally {
        await cluster.stop()
      }
    },
    LIMIT_MS,
  )

/** Members at work: each record takes them 0 to 10 ms. */
class Crew {
  /** How often each record was accepted for certain. */
  readonly accepted = new Map<number, number>()
  readonly #unsure = new Set<number>()
  readonly #bench: Bench
  readonly #count: number
  readonly #members: ShareConsumer[] = []
  readonly #codes = new Map<string, number>()
  #work: Promise<unknown> = Promise.resolve()

  constructor(bench: Bench, count: number) {
    this.#bench = bench
    this.#count = count
  }

  async start(members: number): Promise<void> {
    for (let left = members; left > 0; left--) this.#members.push(await open(this.#bench))
    this.#work = Promise.all(this.#members.map((member) => this.#run(member)))
  }

  async finish(): Promise<void> {
    await this.#work
    // What nobody may see again would come now.
    const came = await Promise.all(this.#members.map((member) => member.poll({ waitMs: 1_000 })))
    for (const record of came.flat()) if (this.accepted.has(numberOf(record))) this.#accept(numberOf(record))
    await Promise.all(this.#members.map((member) => member.close()))
  }

  report(what: string): void {
    const codes = [...this.#codes].map(([code, times]) => `${times} ${code}`).join(', ')
    console.log(`${what}: ${this.accepted.size} accepted, ${this.#unsure.size} unsure, ${codes || 'no lock lost'}`)
  }

  check(): void {
    assert.equal(this.#seen(), this.#count)
    const twice = [...this.accepted].filter(([n, times]) => times > 1 && !this.#unsure.has(n))
    assert.deepEqual(twice, [])
  }

  /** A record whose outcome is unknown may have been accepted by that very word, and never comes again. */
  #seen(): number {
    return new Set([...this.accepted.keys(), ...this.#unsure]).size
  }

  async #run(member: ShareConsumer): Promise<void> {
    const idleMs = { since: Date.now() }
    while (this.#seen() < this.#count || (this.accepted.size < this.#count && Date.now() - idleMs.since < 5_000)) {
      const records = await member.poll({ maxRecords: 20, waitMs: 200 })
      if (records.length > 0) idleMs.since = Date.now()
      await Promise.all(
        records.map(async (record) => {
          await sleep(Math.random() * 10)
          await record.accept().then(
            () => this.#accept(numberOf(record)),
            (error: { readonly code: string }) => this.#failed(numberOf(record), error.code),
          )
        }),
      )
    }
  }

  #accept(n: number): void {
    this.accepted.set(n, (this.accepted.get(n) ?? 0) + 1)
  }

  #failed(n: number, code: string): void {
    this.#codes.set(code, (this.#codes.get(code) ?? 0) + 1)
    if (code === 'OUTCOME_UNKNOWN') this.#unsure.add(n)
  }
}
