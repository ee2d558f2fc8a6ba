import assert from 'node:assert/strict'
import { describe, test } from '@jest/globals'
import { type Clock, type ClockTimer, type DownFrame, encodeCloudEvent, type UpFrame } from '@pdvend/ports/wire'
import { defineMessage } from '@pdvend/ports/define'
import { z } from 'zod'
import { Handlers } from '../src/handlers.js'
import { Inbox } from '../src/inbox.js'
import { Memory } from '../src/memory.js'
import { type DeviceStore, memoryStore } from '../src/store.js'

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

async function start(store = memoryStore(), handle?: (n: number) => Promise<void>) {
  const clock = new ManualClock()
  const sent: UpFrame[] = []
  const handled: number[] = []
  const lost: string[] = []
  const states: boolean[] = []
  const handlers = new Handlers()
  const handler = async ({ n }: { n: number }): Promise<void> => {
    await handle?.(n)
    handled.push(n)
  }
  handlers.add({ definition: note, handler: handler as never, invalid: undefined })
  const memory = await Memory.open(store)
  const inbox = new Inbox({
    clock,
    memory,
    handlers,
    retry: { maxAttempts: 3, firstMs: 1, maxMs: 1 },
    random: () => 0.5,
    heartbeatMs: 30_000,
    send: async (frame) => void sent.push(frame),
    resyncing: (state) => states.push(state),
    grouped: () => {},
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
    const again = syncs()[1]!.sync
    for (const [part, n] of [1, 2, 3].entries()) inbox.take(message(n, n - 1, { sync: again, part }))
    inbox.take(synced(again, 3, 3))
    await settled()
    assert.deepEqual(handled, [1, 2, 3])
    await inbox.close()
  })

  // Retained state lies behind the cursor with which a device joins a stream.
  test('who loses the connection within a first answer is new when it asks again, for the rest of the state is still to come', async () => {
    const { inbox, handled, syncs, message, synced } = await start()
    inbox.take(message(1, 0, { sync: syncs()[0]!.sync, part: 0 }))
    await settled()
    inbox.disconnected()
    inbox.connected()
    await settled()
    const { sync, cursors } = syncs()[1]!
    assert.deepEqual(cursors, {})
    inbox.take(message(1, 0, { sync, part: 0 }))
    inbox.take(message(2, 1, { sync, part: 1 }))
    inbox.take(synced(sync, 2, 9))
    await settled()
    assert.deepEqual(handled, [1, 2])
    await inbox.close()
  })

  test('who ends before it has handled all of a first answer is new after the restart, and handles the rest', async () => {
    const kept = new Map<string, unknown>()
    const store: DeviceStore = {
      load: async () => new Map(kept),
      write: async (changes) => changes.forEach((value, key) => kept.set(key, value)),
      close: async () => {},
    }
    const stuck = new Promise<void>(() => {})
    const first = await start(store, (n) => (n === 1 ? Promise.resolve() : stuck))
    const { sync } = first.syncs()[0]!
    for (const n of [1, 2, 3]) first.inbox.take(first.message(n, n - 1, { sync, part: n - 1 }))
    first.inbox.take(first.synced(sync, 3, 9))
    await settled()
    assert.deepEqual(first.handled, [1])
    const second = await start(store)
    const again = second.syncs()[0]!
    assert.deepEqual(again.cursors, {})
    for (const n of [1, 2, 3]) second.inbox.take(second.message(n, n - 1, { sync: again.sync, part: n - 1 }))
    second.inbox.take(second.synced(again.sync, 3, 9))
    await settled()
    assert.deepEqual(second.handled, [2, 3])
    assert.deepEqual(second.memory.progress, { journal: 'j', cursors: { 'device:a': 9 } })
    await second.inbox.close()
  })

  test('a head that is told while an answer is on its way counts once that is there: the answer may be older', async () => {
    const { inbox, syncs, synced, clock } = await start()
    const heads = (head: number): DownFrame => ({ kind: 'heads', journal: 'j', heads: { 'device:a': head }, sentAt: clock.now() })
    inbox.take(heads(5))
    inbox.take(synced(syncs()[0]!.sync, 0, 4))
    await settled()
    assert.deepEqual(syncs()[1]?.cursors, { 'device:a': 4 })
    inbox.take(heads(5))
    inbox.take(synced(syncs()[1]!.sync, 0, 5))
    await settled()
    assert.equal(syncs().length, 2)
    await inbox.close()
  })

  test('what found the queue full while the heartbeat was answered is asked for once there is room', async () => {
    let open = (): void => {}
    const gate = new Promise<void>((resolve) => (open = resolve))
    const { inbox, handled, syncs, message, synced, clock } = await start(memoryStore(), () => gate)
    inbox.take(synced(syncs()[0]!.sync, 0, 0))
    await clock.advance(40_000)
    const { sync } = syncs()[1]!
    for (let n = 1; n <= 300; n++) inbox.take(message(n, n - 1))
    inbox.take(synced(sync, 0, 0))
    open()
    while (handled.length < 250) await settled()
    await settled()
    assert.deepEqual(syncs()[2]?.cursors, { 'device:a': handled.length })
    await inbox.close()
  })

  test('an app that was away and speaks again is asked at once, and only once', async () => {
    const { inbox, handled, syncs, message, synced, clock } = await start()
    for (let second = 0; second < 60; second++) await clock.advance(1_000)
    const silent = syncs().length
    await clock.advance(2_000)
    assert.equal(syncs().length, silent)
    inbox.take(message(1, 0))
    inbox.take(message(2, 1))
    await clock.advance(100)
    assert.equal(syncs().length, silent + 1)
    inbox.take(synced(syncs().at(-1)!.sync, 0, 0))
    await settled()
    assert.deepEqual(handled, [1, 2])
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
