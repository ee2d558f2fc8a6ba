import assert from 'node:assert/strict'
import type { PublishItem } from '@pdvend/ports'
import {
  collect,
  fence,
  networkLinkTill,
  note,
  onlineTill,
  openApp,
  publishNotes,
  pushCase,
  range,
  Seen,
  statusOf,
  till,
  until,
  wrapping,
} from './kit.js'

export const delivery = [
  pushCase('P13', 'an online device gets each of 2,000 messages', async (subject) => {
    const push = await openApp(subject)
    const { notes } = await onlineTill(subject, push, 'till-1')
    for (let from = 1; from <= 2_000; from += 250) await publishNotes(push, { device: 'till-1' }, range(from, from + 249))
    await notes.count(2_000, 35_000)
    assert.deepEqual(notes.all, range(1, 2_000))
  }),
  pushCase('P14', 'the same id published twice is handled once', async (subject) => {
    const push = await openApp(subject)
    const { notes, fences } = await onlineTill(subject, push, 'till-1')
    const first = await push.publish({ device: 'till-1' }, note, { n: 1 }, { id: 'sale-17', waitFor: 'handled' })
    const second = await push.publish({ device: 'till-1' }, note, { n: 1 }, { id: 'sale-17' })
    assert.deepEqual([first.id, second.id], ['sale-17', 'sale-17'])
    await Promise.all(range(1, 5).map(() => push.publish({ device: 'till-1' }, note, { n: 2 }, { id: 'sale-18' })))
    await push.publish({ device: 'till-1' }, fence, { n: 0 })
    await fences.count(1)
    assert.deepEqual(notes.all, [1, 2])
  }),
  pushCase('P15', 'a packet that the engine brings twice is handled once', async (subject) => {
    const twice = wrapping((driver) => ({
      send: async (...args) => {
        await driver.send(...args)
        await driver.send(...args)
      },
    }))
    const push = await openApp(subject, twice)
    const { notes, fences } = await onlineTill(subject, push, 'till-1')
    await publishNotes(push, { device: 'till-1' }, range(1, 50))
    await push.publish({ device: 'till-1' }, fence, { n: 0 })
    await fences.count(1)
    assert.deepEqual(notes.all, range(1, 50))
    assert.equal(fences.all.length, 1)
  }),
  pushCase('P16', 'order per device is kept while its connection breaks again and again', async (subject) => {
    const push = await openApp(subject)
    const { link, notes } = await networkLinkTill(subject, push, 'till-1')
    for (let from = 1; from <= 600; from += 50) {
      await publishNotes(push, { device: 'till-1' }, range(from, from + 49))
      link.cut()
    }
    await notes.has(600, 35_000)
    assert.deepEqual(notes.all, range(1, 600))
  }),
  pushCase('P17', 'a handler that keeps throwing gets the message again with backoff, then it is parked as failed', async (subject) => {
    const push = await openApp(subject)
    const device = till(subject, push, 'till-1')
    const attempts = new Seen<number>()
    const failures = new Seen<string>()
    const fences = new Seen<number>()
    device.on(note, (_body, { attempt }) => {
      attempts.add(attempt)
      throw new Error('printer on fire')
    })
    device.on(fence, ({ n }) => fences.add(n))
    device.onFailure(({ id, state }) => failures.add(`${id} ${state}`))
    await statusOf(device, 'online')
    const { id, state, error } = await push.publish({ device: 'till-1' }, note, { n: 1 }, { waitFor: 'handled' })
    assert.equal(state, 'failed')
    assert.match(error ?? '', /printer on fire/)
    await push.publish({ device: 'till-1' }, fence, { n: 0 })
    await fences.count(1)
    assert.deepEqual(attempts.all, [1, 2, 3])
    assert.deepEqual(failures.all, [`${id} failed`])
    const [receipt] = await until(
      () => push.receipts(id),
      ([first]) => first?.state === 'failed',
    )
    assert.match(receipt!.error ?? '', /printer on fire/)
  }),
  pushCase('P18', 'a slow handler keeps the window bounded and the connection alive, and nothing is lost', async (subject) => {
    const push = await openApp(subject, { env: { PDVEND_PUSH_KEEPALIVE_SECONDS: '2' } })
    const device = till(subject, push, 'till-1')
    const statuses = new Seen<string>()
    const notes = new Seen<number>()
    let release!: () => void
    const gate = new Promise<void>((resolve) => (release = resolve))
    device.on(note, async ({ n }) => {
      if (n === 1) await gate
      notes.add(n)
    })
    await statusOf(device, 'online')
    device.onStatus((status) => statuses.add(status))
    for (let from = 1; from <= 1_000; from += 250) await publishNotes(push, { device: 'till-1' }, range(from, from + 249))
    // Longer than the keep-alive: the connection must live while the handler does not return.
    await new Promise((resolve) => setTimeout(resolve, 3_500))
    assert.deepEqual(notes.all, [], 'the first handler still runs')
    release()
    await notes.count(1_000, 30_000)
    assert.deepEqual(notes.all, range(1, 1_000))
    assert.equal(statuses.all.includes('offline'), false)
  }),
  pushCase('P19', 'publishMany of 1,000 with 3 invalid ones: 997 accepted, 3 named', async (subject) => {
    const push = await openApp(subject)
    const { notes } = await onlineTill(subject, push, 'till-1')
    const items: PublishItem[] = range(0, 999).map((n) => ({ to: { device: 'till-1' }, message: note, body: { n } }))
    items[10] = { to: { device: 'a/b' }, message: note, body: { n: 10 } }
    items[500] = { to: { device: 'till-1' }, message: note, body: { n: 'no number' } }
    items[999] = { to: { device: 'till-1' }, message: note, body: { n: 999, text: 'x'.repeat(2_000_000) } }
    const outcomes = await push.publishMany(items)
    assert.equal(outcomes.length, 1_000)
    const failed = outcomes.flatMap(({ error }, index) => (error === undefined ? [] : [`${index} ${error.code}`]))
    assert.deepEqual(failed, ['10 INVALID_ARGUMENT', '500 INVALID_ARGUMENT', '999 TOO_LARGE'])
    await notes.count(997, 30_000)
    assert.deepEqual(
      notes.all,
      range(0, 999).filter((n) => ![10, 500, 999].includes(n)),
    )
  }),
  pushCase(
    'P20',
    'a now-or-never message to an offline device is dropped and counted',
    async (subject) => {
      const push = await openApp(subject)
      const { device, notes, fences } = await onlineTill(subject, push, 'till-1')
      assert.equal((await push.publish({ device: 'till-1' }, note, { n: 1 }, { ttlMs: 0 })).state, 'accepted')
      await notes.count(1)
      await device.close()
      await until(
        () => push.presence.get('till-1'),
        ({ state }) => state === 'offline',
      )
      assert.equal((await push.publish({ device: 'till-1' }, note, { n: 2 }, { ttlMs: 0 })).state, 'dropped')
      assert.equal(push.stats().dropped, 1)
      await push.publish({ device: 'till-1' }, fence, { n: 0 })
      const again = till(subject, push, 'till-1')
      const got = collect(again)
      await got.fences.count(1)
      assert.deepEqual([notes.all, got.notes.all, fences.all], [[1], [], []])
    },
    ['credentials', 'presence'],
  ),
]
