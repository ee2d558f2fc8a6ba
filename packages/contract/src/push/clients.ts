import assert from 'node:assert/strict'
import { note, onlineTill, openApp, publishNotes, pushCase, range, report, Seen, until } from './kit.js'

const cases = (['tcp', 'ws'] as const).map((transport) =>
  pushCase(
    transport === 'tcp' ? 'P63a' : 'P63b',
    `a device over ${transport} gets messages, large ones too, answers, sends and catches up`,
    async (subject) => {
      const push = await openApp(subject)
      const reports = new Seen<number>()
      push.onMessage(report, ({ n }) => reports.add(n))
      const connection = async () => {
        const issued = await push.credentials.issue('till-1', { ttlMs: 300_000, groups: ['front'] })
        const urls = issued.urls.filter((url) => (transport === 'tcp' ? url.startsWith('mqtt') : url.startsWith('ws')))
        assert.ok(urls.length > 0, `the connection has no ${transport} address`)
        return { ...issued, urls }
      }
      const { device, notes } = await onlineTill(subject, push, 'till-1', { connection, transport })
      device.onRequest('echo', (body) => body)
      await publishNotes(push, { device: 'till-1' }, range(1, 50))
      await push.publish({ group: 'front' }, note, { n: 51, text: 'x'.repeat(100_000) }, {})
      await notes.has(51)
      assert.deepEqual(notes.all, range(1, 51))
      assert.deepEqual(await push.request('till-1', 'echo', { a: ['é', 1] }, { timeoutMs: 10_000 }), { a: ['é', 1] })
      for (const n of range(1, 5)) await device.send(report, { n })
      assert.deepEqual(reports.all, range(1, 5))
      await until(
        () => push.presence.get('till-1'),
        ({ state }) => state === 'online',
      )
    },
  ),
)

export const clients = [
  ...cases,
  pushCase('P63c', 'what devices send reaches one instance of the app each, and waits for one that handles it', async (subject) => {
    const one = await openApp(subject)
    const two = await openApp(subject)
    const { device } = await onlineTill(subject, one, 'till-1')
    const early = device.send(report, { n: 0 })
    const at: [string, number][] = []
    one.onMessage(report, ({ n }) => at.push(['one', n]))
    two.onMessage(report, ({ n }) => at.push(['two', n]))
    await early
    const both = (): boolean => new Set(at.map(([instance]) => instance)).size === 2
    // An instance may still be subscribing, and brokers share unevenly: until each has had its part.
    let sent = 0
    for (let round = 1; round <= 25 && !both(); round++) {
      await Promise.all(range(sent + 1, sent + 40).map((n) => device.send(report, { n })))
      sent += 40
    }
    assert.deepEqual(
      at.map(([, n]) => n).sort((left, right) => left - right),
      range(0, sent),
    )
    assert.ok(both(), 'one instance got all')
  }),
]
