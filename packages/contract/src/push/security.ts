import assert from 'node:assert/strict'
import { type DeviceConnection, PortError } from '@pdvend/ports'
import {
  collect,
  errorOf,
  fence,
  note,
  onlineTill,
  openApp,
  publishNotes,
  pushCase,
  report,
  Seen,
  statusOf,
  till,
  until,
  wrapping,
} from './kit.js'

const TTL = { ttlMs: 300_000 }

export const security = [
  pushCase('P46', "a device's credentials can neither read nor write what is another's", async (subject) => {
    const push = await openApp(subject)
    const reports = new Seen<string>()
    push.onMessage(report, ({ n }, { device }) => reports.add(`${device} ${n}`))
    const victim = await onlineTill(subject, push, 'victim', { groups: ['vault'] })
    const theirs = await push.credentials.issue('victim', TTL)
    const thief = async (change: Partial<DeviceConnection>): Promise<DeviceConnection> => ({
      ...(await push.credentials.issue('thief', TTL)),
      ...change,
    })

    const everything = theirs.subscribe[0]!.replace(/victim$/, '+')
    for (const subscribe of [theirs.subscribe, [everything], ['#'], ['$SYS/#'], [`${theirs.publish}/app`]]) {
      const reader = till(subject, push, 'thief', { connection: () => thief({ subscribe }), heartbeatMs: 100 })
      const got = collect(reader)
      await publishNotes(push, { device: 'victim' }, [1])
      await publishNotes(push, { group: 'vault' }, [2])
      await until(
        async () => reader.status,
        (status) => status === 'denied' || status === 'resyncing' || status === 'offline',
      )
      assert.deepEqual(got.notes.all, [])
      await reader.close()
    }
    const writer = till(subject, push, 'thief', { connection: () => thief({ publish: theirs.publish }) })
    // Some brokers cut it off, others say nothing: all that shows everywhere is that nobody settles it.
    assert.equal((await errorOf(writer.send(report, { n: 666 }, { ttlMs: 2_000 }))).code, 'DEADLINE_EXCEEDED')
    await writer.close()
    const honest = await onlineTill(subject, push, 'thief')
    await honest.device.send(report, { n: 1 })
    await victim.device.send(report, { n: 2 })
    assert.deepEqual(reports.all, ['thief 1', 'victim 2'])
    assert.deepEqual(honest.notes.all, [])
  }),
  pushCase('P47', 'expired credentials are refused with a typed reason, and the provider is asked for new ones', async (subject) => {
    const push = await openApp(subject)
    const stale = await push.credentials.issue('till-1', { ttlMs: 1_000 })
    await new Promise((resolve) => setTimeout(resolve, 1_050))
    const reasons: string[] = []
    let asked = 0
    const connection = async (): Promise<DeviceConnection> => {
      asked += 1
      // As if the device's clock were slow: it cannot see that they are over.
      return asked === 1 ? { ...stale, expiresAt: new Date(Date.now() + 60_000).toISOString() } : push.credentials.issue('till-1', TTL)
    }
    const device = till(subject, push, 'till-1', { connection })
    device.onStatus((_status, reason) => reason && reasons.push(reason.code))
    await statusOf(device, 'online')
    assert.deepEqual(reasons, ['UNAUTHENTICATED'])
    assert.equal(asked, 2)

    let renewed = 0
    const short = till(subject, push, 'till-2', { connection: () => ((renewed += 1), push.credentials.issue('till-2', { ttlMs: 1_500 })) })
    const { notes } = collect(short)
    await until(
      async () => renewed,
      (count) => count >= 3,
    )
    await publishNotes(push, { device: 'till-2' }, [1])
    await notes.count(1)
  }),
  pushCase(
    'P48',
    'a revoked device is cut off within two seconds and gets nothing after; new credentials let it in again',
    async (subject) => {
      const push = await openApp(subject)
      let connection = await push.credentials.issue('till-1', TTL)
      const { device, notes } = await onlineTill(subject, push, 'till-1', { connection: async () => connection })
      await publishNotes(push, { device: 'till-1' }, [1])
      await notes.count(1)
      await push.credentials.revoke('till-1')
      await publishNotes(push, { device: 'till-1' }, [2])
      await until(
        async () => device.status,
        (status) => status !== 'online',
        2_000,
      )
      await statusOf(device, 'denied')
      assert.equal(device.lastError?.code, 'UNAUTHENTICATED')
      assert.deepEqual(notes.all, [1])
      connection = await push.credentials.issue('till-1', TTL)
      device.resume()
      await notes.count(2)
      assert.deepEqual(notes.all, [1, 2])
    },
  ),
  pushCase('P49', 'nobody gets in without a password, or with one that is made up, changed or of another device', async (subject) => {
    const push = await openApp(subject)
    const good = await push.credentials.issue('till-1', TTL)
    const other = await push.credentials.issue('till-2', TTL)
    const changed = good.password.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))
    const bad: Partial<DeviceConnection>[] = [
      { username: '', password: '' },
      { password: '' },
      { password: 'guess' },
      { password: changed },
      { password: other.password },
      { username: other.username },
      { clientId: other.clientId },
      { username: good.username.replace('till-1', 'till-2') },
    ]
    for (const change of bad) {
      const device = till(subject, push, 'till-1', { connection: async () => ({ ...good, ...change }) })
      const got = collect(device)
      await statusOf(device, 'denied')
      assert.deepEqual(got.notes.all, [])
      await device.close()
    }
  }),
  pushCase('P50', 'new grants reach a device that is connected', async (subject) => {
    const push = await openApp(subject)
    let groups: string[] = []
    const { device, notes } = await onlineTill(subject, push, 'till-1', {
      connection: () => push.credentials.issue('till-1', { ...TTL, groups }),
    })
    const statuses: string[] = []
    device.onStatus((status) => statuses.push(status))
    groups = ['promo']
    await push.credentials.issue('till-1', { ...TTL, groups })
    await publishNotes(push, { group: 'promo' }, [1, 2])
    await notes.count(2)
    await push.publish({ group: 'promo' }, fence, { n: 0 })
    assert.deepEqual(notes.all, [1, 2])
    assert.equal(statuses.includes('offline'), false)
  }),
  pushCase('P51', 'no secret in logs, errors or what devices are told', async (subject) => {
    const lines: string[] = []
    const keep = (fields: object, message: string): void => void lines.push(`${message} ${JSON.stringify(fields)}`)
    const log = { debug: keep, info: keep, warn: keep, error: keep }
    const push = await openApp(subject, {
      face: { log },
      ...wrapping((driver) => ({
        issue: async (device, options) => {
          if (device === 'broken') throw new PortError('UNAVAILABLE', { retryable: false, cause: new Error('down') })
          return driver.issue(device, options)
        },
      })),
    })
    const connection = await push.credentials.issue('till-1', TTL)
    const signature = connection.password.split('.').at(-1)!
    const device = till(subject, push, 'till-1', { connection: async () => ({ ...connection, password: `${connection.password}x` }) })
    await statusOf(device, 'denied')
    lines.push(JSON.stringify(device.lastError), String(device.lastError?.stack))
    for (const call of [() => push.credentials.issue('broken', TTL), () => push.publish({ device: 'a/b' }, note, { n: 1 })])
      await call().catch((error: PortError) => lines.push(JSON.stringify(error), String(error.stack)))
    const text = lines.join('\n')
    assert.equal(text.includes(signature), false)
    assert.equal(text.includes(connection.password), false)
  }),
]
