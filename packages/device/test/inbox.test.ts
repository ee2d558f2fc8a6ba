import assert from 'node:assert/strict'
import { describe, test } from '@jest/globals'
import { type Clock, type ClockTimer, type DownFrame, encodeCloudEvent, type UpFrame } from '@pdvend/ports/wire'
import { defineMessage } from '@pdvend/ports/define'
import { z } from 'zod'
import { Handlers } from '../src/handlers.js'
import { Inbox } from '../src/inbox.js'
import { Memory } from '../src/memory.js'
import { memoryStore } from '../src/store.js'

type Sync = Extract<UpFrame, { kind: 'sync' }>
type Ack = Extract<UpFrame, { kind: 'ack' }>

const note = defineMessage('note', { body: z.object({ n: z.int() }) })

/** Time that moves only when told. */
class ManualClock implements Clock {
  #now = 1_000_000
  readonly #timers = new Set<{ readonly at: number; readonly fire: () => void }>()

  now(): number {
    return this.#now
  }

  timer(delayMs: number, fire: () => void): ClockTimer {
    const timer = { at: this.#now + delayMs, fire }
    this.#timers.add(timer)
    return { cancel: () => void this.#timers.delete(timer) }
  }

  async advance(ms: number): Promise<void> {
    this.#now += ms
    for (const timer of [...this.#timers].filter(({ at }) => at <= this.#now)) {
      this.#timers.delete(timer)
      timer.fire()
    }
    await settled()
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
}

async function start() {
  const clock = new ManualClock()
  const sent: UpFrame[] = []
  const handled: number[] = []
  const lost: string[] = []
  const states: boolean[] = []
  const handlers = new Handlers()
  handlers.add({ definition: note, handler: (({ n }: { n: number }) => void handled.push(n)) as never, invalid: undefined })
  const memory = await Memory.open(memoryStore())
  const inbox = new Inbox({
    clock,
    memory,
    handlers,
    retry: { maxAttempts: 3, firstMs: 1, maxMs: 1 },
    random: () => 0.5,
    heartbeatMs: 30_000,
    send: async (frame) => void sent.push(frame),
    resyncing: (state) => states.push(state),
    lost: (streams) => lost.push(...streams),
    failed: () => {},
  })
  const syncs = (): Sync[] => sent.filter((frame): frame is Sync => frame.kind === 'sync')
  const acks = (): Ack[] => sent.filter((frame): frame is Ack => frame.kind === 'ack')
  const message = (sequence: number, previous: number, extra: object = {}): DownFrame => ({
    kind: 'message',
    id: `m${sequence}`,
    place: { journal: 'j', stream: 'device:a', sequence, previous },
    expiresAt: clock.now() + 60_000,
    sentAt: clock.now(),
    body: encodeCloudEvent({ id: `m${sequence}`, type: 'note', source: '/test', time: new Date(clock.now()), data: { n: sequence } }),
    ...extra,
  })
  const synced = (sync: string, parts: number, head: number, extra: object = {}): DownFrame => ({
    kind: 'synced',
    sync,
    journal: 'j',
    parts,
    cursors: { 'device:a': head },
    more: false,
    lost: [],
    sentAt: clock.now(),
    ...extra,
  })
  inbox.connected()
  await settled()
  return { clock, handled, lost, states, inbox, memory, syncs, acks, message, synced }
}

describe('the inbox of a device', () => {
  test('asks when it connects, holds what arrives meanwhile, then goes on without a gap', async () => {
    const { inbox, handled, syncs, acks, message, synced, clock } = await start()
    inbox.take(message(3, 2))
    const { sync } = syncs()[0]!
    inbox.take(message(1, 0, { sync, part: 0 }))
    inbox.take(message(2, 1, { sync, part: 1 }))
    inbox.take(synced(sync, 2, 2))
    await settled()
    assert.deepEqual(handled, [1, 2, 3])
    await clock.advance(50)
    assert.deepEqual(acks().at(-1)?.cursors, { 'device:a': 3 })
    await inbox.close()
  })

  test('a gap makes it ask; what it had is not handled again', async () => {
    const { inbox, handled, syncs, message, synced } = await start()
    inbox.take(synced(syncs()[0]!.sync, 0, 0))
    inbox.take(message(1, 0))
    inbox.take(message(3, 2))
    await settled()
    const asked = syncs()[1]!
    assert.deepEqual(asked.cursors, { 'device:a': 1 })
    inbox.take(message(2, 1, { sync: asked.sync, part: 0 }))
    inbox.take(message(3, 2, { sync: asked.sync, part: 1 }))
    inbox.take(synced(asked.sync, 2, 3))
    inbox.take(message(3, 2))
    await settled()
    assert.deepEqual(handled, [1, 2, 3])
    await inbox.close()
  })

  test('an answer with a hole is no answer: it asks again and skips nothing', async () => {
    const { inbox, handled, syncs, message, synced, clock } = await start()
    const { sync } = syncs()[0]!
    inbox.take(message(1, 0, { sync, part: 0 }))
    inbox.take(message(3, 2, { sync, part: 2 }))
    inbox.take(synced(sync, 3, 3))
    await settled()
    assert.deepEqual(handled, [1])
    await clock.advance(500)
    assert.deepEqual(syncs()[1]!.cursors, { 'device:a': 1 })
    await inbox.close()
  })

  test('silence makes it ask again, later and later', async () => {
    const { inbox, syncs, clock } = await start()
    const counts: number[] = []
    for (let second = 0; second < 20; second++) {
      await clock.advance(1_000)
      counts.push(syncs().length)
    }
    assert.ok(counts[2]! >= 2 && counts.at(-1)! <= 7, counts.join())
    await inbox.close()
  })

  test('another journal: sequences begin anew and the loss is told', async () => {
    const { inbox, handled, lost, syncs, message, synced, memory } = await start()
    inbox.take(synced(syncs()[0]!.sync, 0, 50))
    await settled()
    const place = { journal: 'k', stream: 'device:a', sequence: 2, previous: 1 }
    inbox.take(message(2, 1, { place }))
    await settled()
    const { sync } = syncs()[1]!
    inbox.take(message(2, 1, { place, sync, part: 0 }))
    inbox.take(synced(sync, 1, 2, { journal: 'k' }))
    await settled()
    assert.deepEqual([handled, lost], [[2], ['device:a']])
    assert.deepEqual(memory.progress, { journal: 'k', cursors: { 'device:a': 2 } })
    await inbox.close()
  })

  test("a ttl is the app's: a till whose clock is an hour off handles what is fresh and drops what is late", async () => {
    const { inbox, handled, syncs, message, synced, clock } = await start()
    const hour = 3_600_000
    inbox.take({ ...synced(syncs()[0]!.sync, 0, 0), sentAt: clock.now() + hour } as DownFrame)
    inbox.take(message(1, 0, { expiresAt: clock.now() + hour + 1_000 }))
    inbox.take(message(2, 1, { expiresAt: clock.now() + hour - 1_000 }))
    await settled()
    assert.deepEqual(handled, [1])
    await inbox.close()
  })
})
