import assert from 'node:assert/strict'
import {
  collect,
  errorOf,
  fence,
  keepingStore,
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
} from './kit.js'

const needs = ['credentials', 'journal'] as const

export const offline = [
  pushCase(
    'P21',
    'a device without network gets all 500 queued messages, in order',
    async (subject) => {
      const push = await openApp(subject)
      const { device, link, notes } = await networkLinkTill(subject, push, 'till-1', { groups: ['front', 'north'] })
      link.down()
      await statusOf(device, 'offline')
      const targets = [{ device: 'till-1' }, { group: 'front' }, { all: true }, { group: 'north' }] as const
      for (let from = 0; from < 500; from += 10) await publishNotes(push, targets[(from / 10) % 4]!, range(from, from + 9))
      link.mend()
      await notes.count(500, 12_000)
      assert.deepEqual(notes.all, range(0, 499))
    },
    needs,
  ),
  pushCase(
    'P22',
    'a device whose session at the engine has ended gets what was queued',
    async (subject) => {
      const push = await openApp(subject)
      const store = keepingStore()
      const first = await onlineTill(subject, push, 'till-1', { store })
      await publishNotes(push, { device: 'till-1' }, [1, 2])
      await first.notes.count(2)
      await first.device.close()
      await publishNotes(push, { device: 'till-1' }, range(3, 40))
      const second = await onlineTill(subject, push, 'till-1', { store })
      await second.notes.has(40)
      assert.deepEqual([first.notes.all, second.notes.all], [[1, 2], range(3, 40)])
    },
    needs,
  ),
  pushCase(
    'P23',
    'a message past its ttl is never handled and gets the receipt expired',
    async (subject) => {
      const push = await openApp(subject, { face: { expireEveryMs: 100 } })
      const { device } = await onlineTill(subject, push, 'till-1')
      await device.close()
      // The one whose receipt is waited for goes last, so that the other is over too by then.
      await push.publish({ all: true }, note, { n: 2 }, { ttlMs: 150 })
      const { id } = await push.publish({ device: 'till-1' }, note, { n: 1 }, { ttlMs: 150 })
      await publishNotes(push, { device: 'till-1' }, [3])
      const [receipt] = await until(
        () => push.receipts(id),
        ([first]) => first?.state === 'expired',
        8_000,
      )
      assert.equal(receipt!.device, 'till-1')
      const again = collect(till(subject, push, 'till-1'))
      await again.notes.count(1)
      await push.publish({ device: 'till-1' }, fence, { n: 0 })
      await again.fences.count(1)
      assert.deepEqual(again.notes.all, [3])
    },
    needs,
  ),
  pushCase(
    'P24',
    'the ttl holds for a message that was on its way when the link died, and for one that waits behind a slow handler',
    async (subject) => {
      const push = await openApp(subject)
      const { device, link, notes, fences } = await networkLinkTill(subject, push, 'till-1')
      const failures = new Seen<string>()
      device.onFailure(({ state }) => failures.add(state))
      link.freeze()
      await push.publish({ device: 'till-1' }, note, { n: 1 }, { ttlMs: 300 })
      await push.publish({ device: 'till-1' }, fence, { n: 0 })
      await new Promise((resolve) => setTimeout(resolve, 600))
      link.mend()
      await fences.count(1)
      assert.deepEqual(notes.all, [])
      assert.deepEqual(failures.all, ['expired'])
    },
    needs,
  ),
  pushCase(
    'P25',
    'at the bound of the queue the oldest make way and the device is told, or the newest is refused, as set',
    async (subject) => {
      const push = await openApp(subject, { env: { PDVEND_PUSH_QUEUE_MAX: '10' } })
      const store = keepingStore()
      const first = await onlineTill(subject, push, 'till-1', { store })
      await push.publish({ device: 'till-1' }, fence, { n: 0 }, { waitFor: 'handled' })
      await first.device.close()
      const ids: string[] = []
      for (const n of range(1, 25)) ids.push((await push.publish({ device: 'till-1' }, note, { n })).id)
      const [dropped] = await push.receipts(ids[0]!)
      assert.equal(dropped?.state, 'dropped')
      const second = till(subject, push, 'till-1', { store })
      const gaps = new Seen<string>()
      second.onResync((streams) => streams.forEach((stream) => gaps.add(stream)))
      const { notes } = collect(second)
      await notes.has(25)
      await gaps.count(1)
      assert.deepEqual(notes.all, range(16, 25))
      assert.deepEqual(gaps.all, ['device:till-1'])

      const strict = await openApp(subject, {
        env: { PDVEND_PUSH_QUEUE_MAX: '10', PDVEND_PUSH_OVERFLOW: 'refuse', PDVEND_PUSH_NAMESPACE: `${subject.run}-2` },
      })
      await publishNotes(strict, { device: 'till-1' }, range(1, 10))
      const error = await errorOf(strict.publish({ device: 'till-1' }, note, { n: 11 }))
      assert.deepEqual([error.code, error.outcome], ['RATE_LIMITED', 'not-applied'])
      assert.match(error.message, /PDVEND_PUSH_QUEUE_MAX/)
    },
    needs,
  ),
  pushCase(
    'P26',
    'a device that was installed anew gets the state and what is queued, nothing that it had handled',
    async (subject) => {
      const push = await openApp(subject)
      const first = await onlineTill(subject, push, 'till-1', { groups: ['front'] })
      await push.publish({ group: 'front' }, note, { n: 100 }, { retain: true, replaceKey: 'price' })
      await publishNotes(push, { group: 'front' }, [1, 2])
      const { id } = await push.publish({ device: 'till-1' }, note, { n: 3 })
      await first.notes.has(3)
      await until(
        () => push.receipts(id),
        ([receipt]) => receipt?.state === 'handled',
      )
      await first.device.close()
      await publishNotes(push, { group: 'front' }, [4])
      const wiped = await onlineTill(subject, push, 'till-1', { groups: ['front'] })
      await wiped.notes.has(4)
      await push.publish({ device: 'till-1' }, fence, { n: 0 })
      await wiped.fences.count(1)
      assert.deepEqual(wiped.notes.all, [100, 4])
    },
    needs,
  ),
  pushCase(
    'P27',
    'a gap that history cannot fill is said by a resync event, and what is left arrives in order',
    async (subject) => {
      const push = await openApp(subject, { env: { PDVEND_PUSH_QUEUE_MAX: '5' } })
      const { device, link, notes } = await networkLinkTill(subject, push, 'till-1', { groups: ['front'] })
      const gaps = new Seen<string>()
      device.onResync((streams) => streams.forEach((stream) => gaps.add(stream)))
      await publishNotes(push, { group: 'front' }, [1])
      await notes.count(1)
      link.down()
      await statusOf(device, 'offline')
      for (const n of range(2, 12)) await publishNotes(push, { group: 'front' }, [n])
      link.mend()
      await notes.has(12)
      await gaps.count(1)
      assert.deepEqual(notes.all, [1, ...range(8, 12)])
      assert.deepEqual(gaps.all, ['group:front'])
      await publishNotes(push, { group: 'front' }, [13])
      await notes.has(13)
      assert.equal(gaps.all.length, 1)
    },
    needs,
  ),
]
