// One instance of an app: it pushes its share to the devices and prints what was accepted, one line each: device, number.
// To one device one after the other, to different devices side by side; whatever fails is tried again until it is accepted.
import { setTimeout as sleep } from 'node:timers/promises'
import { ossEmq } from '@pdvend/oss-emq'
import { defineMessage, PushNotifications, readSettings, silentLogger, systemClock } from '@pdvend/ports'
import { z } from 'zod'

const { env, name, devices, from, to, lanes } = JSON.parse(process.argv[2])
const note = defineMessage('fault.note', { body: z.object({ by: z.string(), n: z.number() }), ttlMs: 3_600_000 })
const { settings } = await readSettings(ossEmq.config, env)
const driver = await ossEmq.open(settings, { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(60_000) })
const push = new PushNotifications(driver, { adapter: 'oss-emq', capabilities: driver.capabilities, timeoutMs: 10_000, sendTimeoutMs: 300 })

async function lane(which) {
  for (let n = from; n < to; n++) {
    const device = devices[n % devices.length]
    if ((n % devices.length) % lanes !== which) continue
    // The same id each time: an append whose answer was lost is the same message.
    const publish = () => push.publish({ device }, note, { by: name, n }, { id: `${name}-${n}` })
    while (
      !(await publish().then(
        () => true,
        () => false,
      ))
    )
      await sleep(100)
    process.stdout.write(`${device} ${n}\n`)
  }
}

await Promise.all(Array.from({ length: lanes }, (_, which) => lane(which)))
await push.close()
