import assert from 'node:assert/strict'
import { defineMessage, type PortError, type StandardSchema } from '@pdvend/ports'
import { z } from 'zod'
import { errorOf, note, openApp, publishNotes, pushCase, Seen, statusOf, till, until, wrapping } from './kit.js'

const anything: StandardSchema = { '~standard': { version: 1, vendor: 'contract', validate: (value) => ({ value }) } }
const blob = defineMessage('contract.blob', { body: anything, ttlMs: 600_000 })

export const payload = [
  pushCase('P8', 'binary, UTF-8, empty and the largest body arrive equal', async (subject) => {
    const push = await openApp(subject)
    const device = till(subject, push, 'till-1')
    const got = new Seen<unknown>()
    device.on(blob, (body) => got.add(body))
    await statusOf(device, 'online')
    const bytes = Uint8Array.from({ length: 4_096 }, (_, index) => (index * 7) % 256)
    const text = 'Pão de açúcar 🛒 "\\ \u0000 \u2028 %2F + = é e\u0301'
    const largest = 'x'.repeat(await largestText(push))
    const bodies = [bytes, new Uint8Array(0), text, '', null, 0, {}, [], { '': { deep: [1, '2', null] } }, largest]
    for (const body of bodies) await push.publish({ device: 'till-1' }, blob, body)
    await got.count(bodies.length)
    for (const [index, body] of bodies.entries()) assert.deepEqual(got.all[index], body)
  }),
  pushCase('P9', 'one byte more than the largest body fails locally, and nothing is sent', async (subject) => {
    let sent = 0
    const counting = wrapping((driver) => ({
      send: (...args) => {
        sent += 1
        return driver.send(...args)
      },
    }))
    const push = await openApp(subject, counting)
    const most = await largestText(push)
    sent = 0
    const error = await errorOf(push.publish({ device: 'nobody' }, blob, 'x'.repeat(most + 1)))
    assert.equal(error.code, 'TOO_LARGE')
    assert.equal(error.outcome, 'not-applied')
    assert.match(error.message, /bytes/)
    assert.equal((await errorOf(push.request('nobody', 'ask', 'x'.repeat(most + 2_000), { timeoutMs: 1_000 }))).code, 'TOO_LARGE')
    for (const body of [{ n: 1n }, cycle()])
      assert.equal((await errorOf(push.publish({ device: 'nobody' }, blob, body))).code, 'INVALID_ARGUMENT')
    assert.equal(sent, 0)
  }),
  pushCase('P11', 'a body that the device does not know reaches its handler as a typed error, and it goes on', async (subject) => {
    const push = await openApp(subject)
    const newer = defineMessage('contract.note', { body: z.object({ number: z.string() }) })
    const device = till(subject, push, 'till-1')
    const errors = new Seen<PortError>()
    const numbers = new Seen<number>()
    device.on(note, ({ n }) => numbers.add(n), { invalid: (error) => errors.add(error) })
    await statusOf(device, 'online')
    const { id } = await push.publish({ device: 'till-1' }, newer, { number: 'one' })
    await publishNotes(push, { device: 'till-1' }, [2])
    await numbers.count(1)
    assert.deepEqual(
      errors.all.map(({ code }) => code),
      ['INVALID_ARGUMENT'],
    )
    assert.match(errors.all[0]!.message, /contract\.note/)
    const [receipt] = await until(
      () => push.receipts(id),
      ([first]) => first?.state === 'failed',
    )
    assert.match(receipt!.error ?? '', /INVALID_ARGUMENT/)
  }),
]

/** The longest ASCII text that the app may send, found out as an app would: by being refused. */
async function largestText(push: import('@pdvend/ports').PushNotifications): Promise<number> {
  let fits = 1_000
  let refused = 1_000_000
  while (refused - fits > 1) {
    const middle = (fits + refused) >> 1
    const error = await push.publish({ device: 'nobody' }, blob, 'x'.repeat(middle), { ttlMs: 1_000, replaceKey: 'size' }).then(
      () => undefined,
      (thrown: PortError) => thrown,
    )
    if (error === undefined) fits = middle
    else if (error.code === 'TOO_LARGE') refused = middle
    else throw error
  }
  return fits
}

function cycle(): object {
  const one: { self?: unknown } = {}
  one.self = one
  return one
}
