import assert from 'node:assert/strict'
import { collect, errorOf, note, openApp, pushCase, range, report, Seen, statusOf, till, until, wrapping } from './kit.js'

export const receipts = [
  pushCase(
    'P40',
    'accepted, received, handled come in that order; handled only after the handler resolved',
    async (subject) => {
      const push = await openApp(subject)
      const device = till(subject, push, 'till-1')
      let release!: () => void
      const gate = new Promise<void>((resolve) => (release = resolve))
      device.on(note, () => gate)
      await statusOf(device, 'online')
      const accepted = await push.publish({ device: 'till-1' }, note, { n: 1 }, { waitFor: 'accepted' })
      assert.equal(accepted.state, 'accepted')
      const received = await push.publish({ device: 'till-1' }, note, { n: 2 }, { waitFor: 'received' })
      assert.equal(received.state, 'received')
      let handled = false
      const handling = push.publish({ device: 'till-1' }, note, { n: 3 }, { waitFor: 'handled' })
      void handling.then(() => (handled = true))
      await push.publish({ device: 'till-1' }, note, { n: 4 }, { waitFor: 'received' })
      assert.equal(handled, false, 'its handler still runs')
      release()
      const receipt = await handling
      assert.equal(receipt.state, 'handled')
      assert.ok(receipt.receivedAt! <= receipt.settledAt!)
      const late = await errorOf(
        push.publish({ device: 'nobody' }, note, { n: 5 }, { waitFor: 'handled', timeoutMs: 300 * subject.patience }),
      )
      assert.deepEqual([late.code, late.outcome], ['DEADLINE_EXCEEDED', 'applied'])
      assert.equal((await errorOf(push.publish({ group: 'g' }, note, { n: 6 }, { waitFor: 'handled' }))).code, 'INVALID_ARGUMENT')
    },
    ['credentials', 'receipts'],
  ),
  pushCase(
    'P41',
    'a receipt that comes after the sender has gone is recorded and can be asked for',
    async (subject) => {
      const sender = await openApp(subject)
      const { id } = await sender.publish({ device: 'till-1' }, note, { n: 1 })
      assert.deepEqual(
        (await sender.receipts(id)).map(({ state }) => state),
        ['queued'],
      )
      await sender.close()
      const push = await openApp(subject)
      const { notes } = collect(till(subject, push, 'till-1'))
      await notes.count(1)
      const [receipt] = await until(
        () => push.receipts(id),
        ([first]) => first?.state === 'handled',
      )
      assert.deepEqual([receipt!.id, receipt!.device], [id, 'till-1'])
    },
    ['credentials', 'journal'],
  ),
  pushCase(
    'P42',
    'a request answered, failed by its handler, unanswered in time, to an offline device: four distinct outcomes',
    async (subject) => {
      const push = await openApp(subject)
      const device = till(subject, push, 'till-1')
      device.onRequest('total', (body) => ({ cents: 1_299, asked: body }))
      device.onRequest('print', () => {
        throw new Error('no paper')
      })
      device.onRequest('think', () => new Promise(() => {}))
      await statusOf(device, 'online')
      assert.deepEqual(await push.request('till-1', 'total', { drawer: 1 }, { timeoutMs: 10_000 }), { cents: 1_299, asked: { drawer: 1 } })
      const failed = await errorOf(push.request('till-1', 'print', {}, { timeoutMs: 10_000 }))
      assert.equal(failed.code, 'INTERNAL')
      assert.match(failed.message, /no paper/)
      assert.equal((await errorOf(push.request('till-1', 'think', {}, { timeoutMs: 200 }))).code, 'DEADLINE_EXCEEDED')
      assert.equal((await errorOf(push.request('till-1', 'unknown', {}, { timeoutMs: 10_000 }))).code, 'UNSUPPORTED')
      const offline = await errorOf(push.request('till-2', 'total', {}, { timeoutMs: 10_000 }))
      assert.deepEqual([offline.code, offline.outcome], ['UNAVAILABLE', 'not-applied'])
    },
    ['credentials', 'request', 'presence'],
  ),
  pushCase(
    'P43',
    'an answer after the timeout is ignored and counted',
    async (subject) => {
      const push = await openApp(subject)
      const device = till(subject, push, 'till-1')
      let release!: () => void
      const gate = new Promise<void>((resolve) => (release = resolve))
      let reached = 0
      device.onRequest('slow', async () => {
        reached++
        await gate
        return 'late'
      })
      device.onRequest('fast', () => 'in time')
      await statusOf(device, 'online')
      // On a machine with too much to do a request may be over before the device has it, and then has no answer.
      while (reached === 0) assert.equal((await errorOf(push.request('till-1', 'slow', {}, { timeoutMs: 150 }))).code, 'DEADLINE_EXCEEDED')
      release()
      await until(
        async () => push.stats().lateAnswers,
        (count) => count === reached,
      )
      assert.equal(await push.request('till-1', 'fast', {}, { timeoutMs: 10_000 }), 'in time')
      assert.equal(push.stats().lateAnswers, reached)
    },
    ['credentials', 'request'],
  ),
  pushCase(
    'P44',
    '100 requests at once each get their own answer',
    async (subject) => {
      const push = await openApp(subject)
      const devices = ['a', 'b'].map((name) => ({ name, device: till(subject, push, name) }))
      for (const { name, device } of devices) {
        device.onRequest('double', async (body) => {
          await new Promise((resolve) => setTimeout(resolve, (body as number) % 7))
          return `${name}${2 * (body as number)}`
        })
        await statusOf(device, 'online')
      }
      const names = range(0, 99).map((n) => devices[n % 2]!.name)
      const answers = await Promise.all(names.map((name, n) => push.request(name, 'double', n, { timeoutMs: 20_000 })))
      assert.deepEqual(
        answers,
        names.map((name, n) => `${name}${2 * n}`),
      )
    },
    ['credentials', 'request'],
  ),
  pushCase(
    'P45',
    'a request that arrives again runs once; so does a message from a device',
    async (subject) => {
      const twice = wrapping((driver) => ({
        send: async (...args) => {
          await driver.send(...args)
          await driver.send(...args)
        },
        receive: (instance, handlers, call) =>
          driver.receive(
            instance,
            {
              own: (message) => handlers.own(message),
              shared: async (message) => {
                await Promise.all([handlers.shared(message), handlers.shared(message)])
                await handlers.shared(message)
              },
            },
            call,
          ),
      }))
      const push = await openApp(subject, twice)
      const reports = new Seen<string>()
      push.onMessage(report, ({ n }, { device }) => reports.add(`${device} ${n}`))
      const device = till(subject, push, 'till-1')
      const runs = new Seen<number>()
      device.onRequest('count', (body) => {
        runs.add(body as number)
        return runs.all.length
      })
      await statusOf(device, 'online')
      for (const n of range(1, 5)) assert.equal(await push.request('till-1', 'count', n, { timeoutMs: 10_000 }), n)
      assert.deepEqual(runs.all, range(1, 5))
      for (const n of range(1, 5)) await device.send(report, { n })
      assert.deepEqual(
        reports.all,
        range(1, 5).map((n) => `till-1 ${n}`),
      )
    },
    ['credentials', 'request'],
  ),
]
