import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { connectDevice } from '@pdvend/device'
import { type RunningEngine, startEngine, whyMissing } from '@pdvend/engines'
import { ossEmq } from '@pdvend/oss-emq'
import { defineMessage, PushNotifications, readSettings, silentLogger, systemClock } from '@pdvend/ports'
import { z } from 'zod'

const scale = Number(process.env.PDVEND_TEST_SCALE ?? 1)
const DEVICES = 50
/** Of each of the two instances. */
const SHARE = Math.round(500 * scale)

const missing = (await whyMissing('mosquitto', { named: false })) ?? (await whyMissing('postgres', { named: false }))
const note = defineMessage('fault.note', { body: z.object({ by: z.string(), n: z.number() }), ttlMs: 3_600_000 })
const devices = Array.from({ length: DEVICES }, (_, n) => `till-${n}`)

let broker: RunningEngine
let database: RunningEngine
let env: Readonly<Record<string, string>>

beforeAll(async () => {
  if (missing !== undefined) return
  ;[broker, database] = await Promise.all([startEngine('mosquitto', { named: false }), startEngine('postgres', { named: false })])
  env = { ...broker.env, PDVEND_PUSH_JOURNAL: database.url }
}, 300_000)
afterAll(async () => {
  await broker?.stop?.()
  await database?.stop?.()
}, 60_000)

/** An instance in a process of its own; `accepted` are lines of device and number. */
function startPusher(name: string, from: number, to: number) {
  const task = JSON.stringify({ env, name, devices, from, to, lanes: 10 })
  const child = spawn(process.execPath, [fileURLToPath(new URL('./pusher.mjs', import.meta.url)), task], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const accepted: string[] = []
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    accepted.push(...lines)
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const ended = once(child, 'close') as Promise<[number | null]>
  return {
    accepted,
    async done(): Promise<void> {
      const [code] = await ended
      if (code !== 0) throw new Error(`instance ${name} ended with ${code}: ${said}`)
    },
    async reaches(count: number): Promise<void> {
      while (accepted.length < count && child.exitCode === null) await pause(10)
    },
    async kill(): Promise<void> {
      child.kill('SIGKILL')
      await ended
    },
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function openPush(): Promise<PushNotifications> {
  const read = await readSettings(ossEmq.config, env)
  if (read.problems !== undefined) throw new Error(JSON.stringify(read.problems))
  const driver = await ossEmq.open(read.settings, { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(60_000) })
  return new PushNotifications(driver, { adapter: 'oss-emq', ...(driver.capabilities && { capabilities: driver.capabilities }) })
}

/** A till that is online, and how to close it. */
async function openTill(push: PushNotifications, device: string, handler: (body: { by: string; n: number }) => unknown) {
  const till = connectDevice({ connection: () => push.credentials.issue(device, { ttlMs: 600_000 }) })
  till.on(note, handler)
  if (till.status !== 'online') await new Promise<void>((resolve) => till.onStatus((status) => status === 'online' && resolve()))
  return till
}

const title = `${2 * SHARE} pushes of two instances to ${DEVICES} offline devices survive a broker killed and wiped, an instance killed -9 and a restart of the database`
describe('push over a broker and the journal in PostgreSQL', () => {
  const it = missing === undefined ? test : test.skip
  const reason = missing === undefined ? '' : ` (skipped: ${missing})`

  it(
    `P21 P56 ${title}${reason}`,
    async () => {
      const began = Date.now()
      const first = startPusher('a', 0, SHARE)
      const second = startPusher('b', 0, SHARE)
      await first.reaches(Math.ceil(SHARE / 3))
      await first.kill()
      const afterKill = first.accepted.length
      await second.reaches(Math.ceil(SHARE / 3))
      await Promise.all([broker.wipe!(), database.restart!()])
      // The instance that was killed comes back and pushes its whole share once more: what is known is not kept twice.
      const again = startPusher('a', 0, SHARE)
      await Promise.all([second.done(), again.done()])
      const pushedMs = Date.now() - began

      const push = await openPush()
      const handled = new Map(devices.map((device) => [device, [] as string[]]))
      const tills = devices.map((device) => {
        const till = connectDevice({ connection: () => push.credentials.issue(device, { ttlMs: 600_000 }) })
        till.on(note, ({ by, n }) => void handled.get(device)!.push(`${by} ${n}`))
        return till
      })
      try {
        const wanted = Math.floor(SHARE / DEVICES) * 2
        const deadline = Date.now() + 60_000 + 30_000 * scale
        while (devices.some((device) => handled.get(device)!.length < wanted) && Date.now() < deadline) await pause(50)
        await pause(500) // what comes twice would come now
        for (const device of devices) {
          const got = handled.get(device)!
          for (const by of ['a', 'b']) {
            const own = got.filter((each) => each.startsWith(by)).map((each) => Number(each.slice(2)))
            const all = Array.from({ length: SHARE }, (_, n) => n).filter((n) => devices[n % DEVICES] === device)
            expect({ device, by, own }).toEqual({ device, by, own: all })
          }
        }
        const count = [...handled.values()].reduce((sum, each) => sum + each.length, 0)
        process.stdout.write(
          `${count} pushes, ${afterKill} of them by an instance before its kill -9: pushed in ${pushedMs} ms with a broker wiped and a database restarted, all handled once and in order in ${Date.now() - began - pushedMs} ms\n`,
        )
      } finally {
        await Promise.all(tills.map((till) => till.close()))
        await push.close()
      }
    },
    240_000 * Math.max(1, scale),
  )

  it(`P17 what a device has handled while the database was away counts as handled once it is back, without another message${reason}`, async () => {
    const push = await openPush()
    let begin = (): void => {}
    const began = new Promise<void>((resolve) => (begin = resolve))
    let finish = (): void => {}
    const finished = new Promise<void>((resolve) => (finish = resolve))
    const till = await openTill(push, 'till-slow', async () => {
      begin()
      await finished
    })
    try {
      const { id } = await push.publish({ device: 'till-slow' }, note, { by: 'c', n: 1 })
      await began
      const up = await database.down!('killed')
      finish()
      await pause(1_500)
      await up()
      let states: readonly string[] = []
      for (const deadline = Date.now() + 30_000; Date.now() < deadline && !states.includes('handled'); await pause(100))
        states = (await push.receipts(id)).map(({ state }) => state)
      expect(states).toEqual(['handled'])
    } finally {
      await till.close()
      await push.close()
    }
  }, 60_000)
})
