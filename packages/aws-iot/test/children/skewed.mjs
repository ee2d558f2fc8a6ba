// An app on a machine whose clock is wrong by so many milliseconds: opens, lets a device in and pushes to it.
import { env } from 'node:process'

const skewMs = Number(env.SKEW_MS)
const Right = Date
globalThis.Date = class extends Right {
  constructor(...parts) {
    if (parts.length > 0) super(...parts)
    else super(Right.now() + skewMs)
  }
  static now() {
    return Right.now() + skewMs
  }
}

const { awsIot } = await import('@pdvend/aws-iot')
const { connectDevice } = await import('@pdvend/device')
const { defineMessage, PushNotifications, readSettings, silentLogger, systemClock } = await import('@pdvend/ports')
const { z } = await import('zod')

const note = defineMessage('test.note', { body: z.object({ n: z.int() }), ttlMs: 600_000 })
const { settings, problems } = await readSettings(awsIot.config, env)
if (problems !== undefined) throw new Error(JSON.stringify(problems))
const driver = await awsIot.open(settings, { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(20_000) })
const push = new PushNotifications(driver, { adapter: 'aws-iot' })
const device = connectDevice({ connection: () => push.credentials.issue('till-1', { ttlMs: 60_000 }) })
const handled = new Promise((resolve) => device.on(note, resolve))
await new Promise((resolve) => device.onStatus((status) => status === 'online' && resolve()))
const { state } = await push.publish({ device: 'till-1' }, note, { n: 17 }, { waitFor: 'handled' })
process.stdout.write(`${state} ${(await handled).n}\n`)
await device.close()
await push.close()
