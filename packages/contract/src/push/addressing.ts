import assert from 'node:assert/strict'
import { type PushDriver, type PushNotifications } from '@pdvend/ports'
import { intercept } from '../subject.js'
import { errorOf, fence, note, onlineTill, openApp, publishNotes, pushCase, range } from './kit.js'

const HOSTILE = [
  '',
  '+',
  '#',
  'a/b',
  '$SYS',
  'a+b',
  'a#',
  'till 1',
  'caixa-ã',
  '🛒',
  '.',
  '..',
  '-rf',
  'a\0b',
  'a\nb',
  'x'.repeat(65),
  'ｔｉｌｌ',
]

export const addressing = [
  pushCase('P1', 'a device gets only its own messages', async (subject) => {
    const push = await openApp(subject)
    const one = await onlineTill(subject, push, 'till-1')
    const two = await onlineTill(subject, push, 'till-2')
    await publishNotes(push, { device: 'till-1' }, [1, 2])
    await publishNotes(push, { device: 'till-2' }, [3])
    await push.publish({ all: true }, fence, { n: 0 })
    await Promise.all([one.fences.count(1), two.fences.count(1)])
    assert.deepEqual(one.notes.all, [1, 2])
    assert.deepEqual(two.notes.all, [3])
  }),
  pushCase('P2', 'a group message reaches every member once, and none outside', async (subject) => {
    const push = await openApp(subject)
    const members = await Promise.all(['a', 'b', 'c'].map((name) => onlineTill(subject, push, name, { groups: ['front', 'north'] })))
    const outside = await onlineTill(subject, push, 'd', { groups: ['back'] })
    await publishNotes(push, { group: 'front' }, range(1, 20))
    await push.publish({ all: true }, fence, { n: 0 })
    for (const { notes, fences } of members) {
      await fences.count(1)
      assert.deepEqual(notes.all, range(1, 20))
    }
    await outside.fences.count(1)
    assert.deepEqual(outside.notes.all, [])
  }),
  pushCase('P3', 'a member that is removed from a group gets nothing of it after the call returns', async (subject) => {
    const push = await openApp(subject)
    let groups = ['front', 'north']
    const connection = () => push.credentials.issue('a', { ttlMs: 300_000, groups })
    const leaver = await onlineTill(subject, push, 'a', { connection })
    const stayer = await onlineTill(subject, push, 'b', { groups: ['front'] })
    await publishNotes(push, { group: 'front' }, [1])
    await Promise.all([leaver.notes.count(1), stayer.notes.count(1)])
    groups = ['north']
    await push.credentials.issue('a', { ttlMs: 300_000, groups })
    await publishNotes(push, { group: 'front' }, [2, 3])
    await publishNotes(push, { group: 'north' }, [4])
    await stayer.notes.has(3)
    await push.publish({ device: 'a' }, fence, { n: 0 })
    await leaver.fences.count(1)
    await leaver.notes.has(4)
    assert.deepEqual(leaver.notes.all, [1, 4])
    assert.deepEqual(stayer.notes.all, [1, 2, 3])
  }),
  pushCase('P4', 'a broadcast reaches all devices of its namespace and no other', async (subject) => {
    const here = await openApp(subject)
    const there = await openApp(subject, { env: { PDVEND_PUSH_NAMESPACE: `${subject.run}-2` } })
    const ours = await Promise.all(['a', 'b'].map((name) => onlineTill(subject, here, name)))
    const theirs = await onlineTill(subject, there, 'c')
    await publishNotes(here, { all: true }, [1])
    for (const { notes } of ours) await notes.count(1)
    await there.publish({ all: true }, fence, { n: 0 })
    await theirs.fences.count(1)
    assert.deepEqual(theirs.notes.all, [])
    assert.deepEqual(
      ours.map(({ fences }) => fences.all.length),
      [0, 0],
    )
  }),
  pushCase('P5', 'hostile device and group names are refused before anything is sent', async (subject) => {
    const reached: string[] = []
    const count = (name: string, call: () => unknown): unknown => {
      reached.push(name)
      return call()
    }
    const wrap = (driver: never): unknown => {
      const counted = intercept(driver as PushDriver, count)
      const journal = (driver as PushDriver).journal
      return new Proxy(counted, {
        get: (target, name) =>
          name === 'journal' && journal !== undefined ? intercept(journal, count) : (Reflect.get(target, name) as unknown),
      })
    }
    const push = await openApp(subject, { wrap })
    await push.credentials.issue('ready', { ttlMs: 60_000 })
    reached.length = 0
    for (const name of HOSTILE) {
      for (const call of callsWith(push, name)) assert.equal((await errorOf(call)).code, 'INVALID_ARGUMENT', JSON.stringify(name))
    }
    const targets = [{}, { device: 'a', group: 'b' }, { all: false }, { device: 7 }, null, { device: ['a'] }] as never[]
    for (const to of targets) assert.equal((await errorOf(push.publish(to, note, { n: 1 }))).code, 'INVALID_ARGUMENT')
    assert.deepEqual(reached, [])
  }),
  pushCase('P6', 'two tenants with devices of the same name never cross', async (subject) => {
    const here = await openApp(subject)
    const there = await openApp(subject, { env: { PDVEND_PUSH_NAMESPACE: `${subject.run}-2` } })
    const ours = await onlineTill(subject, here, 'till-1', { groups: ['front'] })
    const theirs = await onlineTill(subject, there, 'till-1', { groups: ['front'] })
    assert.equal(ours.device.status, 'online', 'another tenant must not take the device over')
    await publishNotes(here, { device: 'till-1' }, [1])
    await publishNotes(here, { group: 'front' }, [2])
    await publishNotes(there, { device: 'till-1' }, [3])
    await here.publish({ device: 'till-1' }, fence, { n: 0 })
    await there.publish({ device: 'till-1' }, fence, { n: 0 })
    await Promise.all([ours.fences.count(1), theirs.fences.count(1)])
    assert.deepEqual(ours.notes.all, [1, 2])
    assert.deepEqual(theirs.notes.all, [3])
  }),
]

function callsWith(push: PushNotifications, name: string): Promise<unknown>[] {
  return [
    push.publish({ device: name }, note, { n: 1 }),
    push.publish({ group: name }, note, { n: 1 }),
    push.request(name, 'ask', {}, { timeoutMs: 1_000 }),
    push.credentials.issue(name, { ttlMs: 60_000 }),
    push.credentials.issue('till-1', { ttlMs: 60_000, groups: [name] }),
    push.credentials.revoke(name),
    push.presence.get(name),
  ]
}
