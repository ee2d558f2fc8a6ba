import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DeviceConnection, PortError } from '@pdvend/ports'
import {
  altered,
  errorOf,
  networkLinkTill,
  note,
  onlineTill,
  openApp,
  publishNotes,
  pushCase,
  range,
  statusOf,
  until,
  wrapping,
} from './kit.js'

const journal = ['credentials', 'journal'] as const

export const faults = [
  pushCase(
    'P52',
    'the broker is killed mid-stream: no accepted message is lost, none handled twice, order kept',
    async (subject) => {
      const push = await openApp(subject)
      const { notes } = await onlineTill(subject, push, 'till-1')
      let killing: Promise<void> | undefined
      for (let from = 1; from <= 300; from += 10) {
        await publishNotes(push, { device: 'till-1' }, range(from, from + 9))
        if (from === 101) killing = subject.engine.kill!()
      }
      await killing
      await notes.has(300, 60_000)
      assert.deepEqual(notes.all, range(1, 300))
    },
    journal,
    ['kill'],
  ),
  pushCase(
    'P53',
    'the broker comes back without its data: the journal refills it',
    async (subject) => {
      const push = await openApp(subject)
      const { device, link, notes } = await networkLinkTill(subject, push, 'till-1', { groups: ['front'] })
      link.down()
      await statusOf(device, 'offline')
      await publishNotes(push, { device: 'till-1' }, range(1, 20))
      await publishNotes(push, { group: 'front' }, range(21, 30))
      await (subject.engine.wipe ?? subject.engine.kill)!()
      link.mend()
      await notes.has(30)
      assert.deepEqual(notes.all, range(1, 30))
    },
    journal,
    ['kill'],
  ),
  pushCase(
    'P54',
    'the broker hangs: publish stays bounded, and what was accepted arrives once it is back',
    async (subject) => {
      const push = await openApp(subject, { face: { sendTimeoutMs: 200 } })
      const { notes } = await onlineTill(subject, push, 'till-1')
      const resume = await subject.engine.pause!()
      const startedAt = Date.now()
      for (const n of range(1, 3)) assert.equal((await push.publish({ device: 'till-1' }, note, { n })).state, 'accepted')
      assert.ok(Date.now() - startedAt < 5_000)
      await resume()
      await notes.count(3)
      await publishNotes(push, { device: 'till-1' }, [4])
      await notes.count(4)
      assert.deepEqual(notes.all, range(1, 4))
    },
    journal,
    ['pause'],
  ),
  pushCase(
    'P55',
    'a half-open connection is noticed, and nothing is missed',
    async (subject) => {
      const push = await openApp(subject, { env: { PDVEND_PUSH_KEEPALIVE_SECONDS: '1' } })
      const { device, link, notes } = await networkLinkTill(subject, push, 'till-1')
      link.freeze()
      await publishNotes(push, { device: 'till-1' }, range(1, 5))
      await statusOf(device, 'offline', 8_000)
      link.down()
      link.mend()
      await notes.count(5)
      assert.deepEqual(notes.all, range(1, 5))
    },
    journal,
  ),
  pushCase(
    'P56',
    'the app is killed between journal and broker: the next instance sees to it; a lost acknowledgement makes no second handling',
    async (subject) => {
      const keeper = await openApp(subject)
      const { device, notes } = await onlineTill(subject, keeper, 'till-1', { groups: ['front'], heartbeatMs: 600_000 })
      const child = subject.spawn(new URL('./children/publisher.js', import.meta.url), { namespace: subject.run })
      await child.message((message) => message === 'kept')
      await child.kill()
      assert.deepEqual(notes.all, [])
      const next = await openApp(subject)
      await notes.count(2)
      assert.deepEqual(new Set(notes.all), new Set([1, 2]))

      const deaf = await openApp(
        subject,
        wrapping((driver) => ({ journal: altered(driver.journal!, { acknowledge: () => Promise.reject(new PortError('UNAVAILABLE')) }) })),
      )
      await Promise.all([keeper.close(), next.close()])
      await publishNotes(deaf, { device: 'till-1' }, [3])
      await notes.count(3)
      await device.close()
      await deaf.close()
      const last = await openApp(subject)
      const again = await onlineTill(subject, last, 'till-1')
      await publishNotes(last, { device: 'till-1' }, [4])
      await again.notes.has(4)
      assert.deepEqual(notes.all.length, 3)
    },
    journal,
    ['processes'],
  ),
  pushCase(
    'P57',
    'the device is killed between receiving and handling: it comes again; between handling and acknowledging: it does not',
    async (subject) => {
      const push = await openApp(subject)
      const store = await mkdtemp(join(tmpdir(), 'pdvend-device-'))
      subject.defer(() => rm(store, { recursive: true, force: true }))
      const start = async (mode: string) => {
        const connection = await push.credentials.issue('till-1', { ttlMs: 300_000 })
        return subject.spawn(new URL('./children/device.js', import.meta.url), { connection, store: join(store, 'state'), mode })
      }
      const hanging = await start('hang')
      await hanging.message((message) => message === 'online')
      const { id } = await push.publish({ device: 'till-1' }, note, { n: 1 })
      await hanging.message((message) => message === 'begun 1')
      await hanging.kill()
      assert.deepEqual(
        (await push.receipts(id)).map(({ state }) => state),
        ['queued'],
      )

      const silent = await start('silent')
      await silent.message((message) => message === 'handled 1')
      await silent.kill()
      assert.deepEqual(
        (await push.receipts(id)).map(({ state }) => state),
        ['queued'],
        'its acknowledgement never left',
      )

      const honest = await start('honest')
      await honest.message((message) => message === 'online')
      await publishNotes(push, { device: 'till-1' }, [2])
      await honest.message((message) => message === 'handled 2')
      assert.equal(honest.messages.includes('handled 1'), false)
      await until(
        () => push.receipts(id),
        ([receipt]) => receipt?.state === 'handled',
      )
    },
    journal,
    ['processes'],
  ),
  pushCase(
    'P58',
    'an engine that throttles slows down, and nothing is lost',
    async (subject) => {
      let calls = 0
      const throttled = wrapping((driver) => ({
        send: (...args) => {
          calls += 1
          if (calls % 3 !== 0) return Promise.reject(new PortError('RATE_LIMITED', { outcome: 'not-applied' }))
          return driver.send(...args)
        },
      }))
      const push = await openApp(subject, { ...throttled, face: { retry: { maxAttempts: 10, firstMs: 5, maxMs: 20 } } })
      const other = await openApp(subject)
      const { notes } = await onlineTill(subject, other, 'till-1')
      await publishNotes(push, { device: 'till-1' }, range(1, 60))
      await notes.has(60)
      assert.deepEqual(notes.all, range(1, 60))
    },
    journal,
  ),
  pushCase('P59', 'two clients as one device: the former is told, and there is no storm of reconnections', async (subject) => {
    const push = await openApp(subject)
    let asked = 0
    const connection = (): Promise<DeviceConnection> => ((asked += 1), push.credentials.issue('till-1', { ttlMs: 300_000 }))
    // A broker that ends the former one without a word makes the two meet once or twice before it is told.
    const calm = async (): Promise<void> => {
      const before = asked
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      assert.deepEqual([asked, asked <= 8], [before, true])
    }
    const one = await onlineTill(subject, push, 'till-1', { connection })
    const two = await onlineTill(subject, push, 'till-1', { connection })
    await statusOf(one.device, 'takenOver')
    assert.equal(one.device.lastError?.code, 'PRECONDITION_FAILED')
    await publishNotes(push, { device: 'till-1' }, range(1, 20))
    await two.notes.count(20)
    await statusOf(two.device, 'online')
    assert.deepEqual([one.device.status, two.device.status], ['takenOver', 'online'])
    await calm()
    one.device.resume()
    await statusOf(two.device, 'takenOver')
    await statusOf(one.device, 'online')
    assert.equal(two.device.status, 'takenOver')
    await calm()
  }),
  pushCase('P60', "the engine's refusal of a message is told to the caller", async (subject) => {
    const refusing = wrapping(() => ({ send: () => Promise.reject(new PortError('PERMISSION_DENIED', { detail: 'quota of the plan' })) }))
    const push = await openApp(subject, refusing)
    const error = await errorOf(push.publish({ group: 'front' }, note, { n: 1 }, { ttlMs: 0 }))
    assert.equal(error.code, 'PERMISSION_DENIED')
    assert.match(error.message, /quota of the plan/)
  }),
  pushCase(
    'P61',
    'a device that takes nothing off its socket does not hold up the others',
    async (subject) => {
      const push = await openApp(subject)
      const stuck = await networkLinkTill(subject, push, 'stuck', { groups: ['front'] })
      const quick = await onlineTill(subject, push, 'quick', { groups: ['front'] })
      stuck.link.freeze()
      const text = 'x'.repeat(30_000)
      const startedAt = Date.now()
      for (const n of range(1, 200)) await push.publish({ group: 'front' }, note, { n, text })
      await quick.notes.count(200, 15_000)
      assert.deepEqual(quick.notes.all, range(1, 200))
      assert.ok(Date.now() - startedAt < 30_000)
      stuck.link.mend()
      await stuck.notes.has(200)
      assert.deepEqual(stuck.notes.all, range(1, 200))
    },
    journal,
  ),
]
