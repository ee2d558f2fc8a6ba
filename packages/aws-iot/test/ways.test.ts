import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type BridgeEngine, bridgeEngine, whyNoBridge } from './bridge.js'
import { issuing, note, openDriver, openPush, range, till, until } from './shop.js'

const missing = await whyNoBridge()
const suite = missing === undefined ? describe : describe.skip
suite(`ways to devices, within AWS's limits${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let engine: BridgeEngine
  const call = { signal: AbortSignal.timeout(120_000) }
  // The published limits, none lowered.
  beforeAll(async () => (engine = await bridgeEngine({})), 120_000)
  afterAll(() => engine?.stop!(), 60_000)
  const env = (PDVEND_PUSH_NAMESPACE: string, more: Readonly<Record<string, string | undefined>> = {}) => ({
    ...engine.env,
    PDVEND_PUSH_NAMESPACE,
    ...more,
  })
  const unkept = { PDVEND_PUSH_JOURNAL: undefined }

  test.each(['auto', 'mqtt', 'http'])(
    'a burst above the rate of a connection is slowed, in order, and nothing of it is lost: %s',
    async (via) => {
      const push = await openPush(env(`burst-${via}`, { ...unkept, PDVEND_PUSH_VIA: via }))
      const names = range(1, 6).map((n) => `till-${n}`)
      const tills = names.map((name) => till(issuing(push), name))
      await until(() => tills.every(({ device }) => device.status === 'online'), 'online')
      await Promise.all(
        range(1, 40).flatMap((n) => names.map((name) => push.publish({ device: name }, note, { n }, { timeoutMs: 30_000 }))),
      )
      await until(() => tills.every(({ notes }) => notes.length === 40), 'all', 30_000)
      for (const { notes, device } of tills) {
        expect(notes).toEqual(range(1, 40))
        await device.close()
      }
      await push.close()
      const refused = (await engine.bridge.log()).split('\n').filter((line) => line.includes(`burst-${via}`) && /0x97|quota/i.test(line))
      expect(refused).toEqual([])
    },
    90_000,
  )

  test('a device of 48 groups hears each of them; one of more is refused, and names the limit', async () => {
    const push = await openPush(env('groups'))
    const groups = range(1, 48).map((n) => `group-${n}`)
    const { device, notes } = till(issuing(push, groups), 'till-1')
    await until(() => device.status === 'online', 'online')
    for (const [n, group] of groups.entries()) await push.publish({ group }, note, { n })
    await until(() => notes.length === 48, 'all groups')
    await expect(push.credentials.issue('till-1', { ttlMs: 60_000, groups: [...groups, 'one-more'] })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      detail: expect.stringContaining('give at most 48'),
    })
    await device.close()
    await push.close()
  }, 60_000)

  test('without a journal a device is told directly by HTTP; one that is not there costs nothing, and is known to be gone', async () => {
    const driver = await openDriver(env('direct', { ...unkept, PDVEND_PUSH_VIA: 'http' }))
    const push = await openPush(env('direct', unkept))
    const { device, notes } = till(issuing(push), 'till-1')
    await until(() => device.status === 'online', 'online')
    await push.publish({ device: 'till-1' }, note, { n: 1 })
    await until(() => notes.length === 1, 'told')
    await driver.send({ device: 'till-1' }, Buffer.from('no frame'), call)
    await driver.send({ device: 'nobody' }, Buffer.from('no frame'), call)
    expect(driver.facts).toMatchObject({ pushes: '0 by MQTT, 2 by HTTP', journal: expect.stringContaining('none') })
    expect(driver.facts).not.toHaveProperty('not there')
    await device.close()
    await push.close()
    await driver.close()
  }, 60_000)
})
