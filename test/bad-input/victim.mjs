// A program on the local profile that meets a bad disk. It tells its parent what each call said, and must end by itself.
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { inspect } from 'node:util'
import { defineApp } from '@pdvend/container'
import { local } from '@pdvend/local'
import { BlobStorage, causeChain, defineEvent, defineJob, defineMessage, JobQueue, PushNotifications, Telemetry } from '@pdvend/ports'
import { z } from 'zod'

const [mode, directory, user] = process.argv.slice(2)
const secret = process.env.PDVEND_BLOB_SIGNING_KEY
const shown = []
const note = (fields, message) => void shown.push(inspect({ fields, message }, { depth: 9 }))
const log = { debug: note, info: note, warn: note, error: note }

const tell = (step, code, message = '') => {
  const leaked = [message, ...shown.splice(0)].some((text) => text.includes(secret))
  process.send({ step, code, message, leaked })
}
const tellError = (step, error) => {
  shown.push(inspect(error, { depth: 9, showHidden: true }), JSON.stringify(error), ...causeChain(error))
  tell(step, error?.code ?? 'no error', error?.message ?? '')
}
const env = { PDVEND_LOCAL_DIR: directory, PDVEND_BLOB_SIGNING_KEY: secret, PDVEND_TIMEOUT_MS: '4000' }
const start = (folder = directory) => defineApp({ profiles: { local }, log, signals: [] }).start({ ...env, PDVEND_LOCAL_DIR: folder })

if (user !== undefined) await become(Number(user))
if (mode === 'start')
  await start().then(
    (running) => running.close(),
    (error) => tellError('start', error),
  )
else await fill()
process.disconnect()

/** Goes on as another user. What will be needed is loaded before, for that user may not be able to read where Node and the packages are. */
async function become(id) {
  const warm = mkdtempSync(join(tmpdir(), 'pdvend-warm-'))
  await (await start(warm)).close()
  rmSync(warm, { recursive: true })
  process.setgroups([])
  process.setgid(id)
  process.setuid(id)
}

async function fill() {
  const running = await start()
  const [blobs, jobs, push, telemetry] = [BlobStorage, JobQueue, PushNotifications, Telemetry].map((port) => running.container.get(port))
  const job = defineJob('full.job', { input: z.unknown() })
  const message = defineMessage('full.message', { body: z.unknown() })
  const event = defineEvent('full.event', { data: z.unknown() })
  const body = 'x'.repeat(30_000)
  const calls = {
    'small blob': (n) => blobs.put(`small ${n}`, body),
    'large blob': (n) => blobs.put(`large ${n}`, body.repeat(10)),
    job: () => jobs.enqueue(job, body),
    push: (n) => push.publish({ device: `till-${n}` }, message, body),
    telemetry: () => telemetry.emitAndWait(event, body, 'spooled'),
  }
  for (const call of Object.values(calls)) await call('before')

  // A stranger takes what is left of the disk, to the last byte.
  const ballast = join(dirname(directory), 'ballast')
  const handle = openSync(ballast, 'w')
  for (let size = 65_536; size >= 1;) {
    try {
      writeSync(handle, Buffer.alloc(size))
    } catch {
      size = Math.floor(size / 2)
    }
  }
  for (const [step, call] of Object.entries(calls)) {
    let failure
    for (let n = 0; n < 50 && failure === undefined; n++) await call(n).catch((error) => (failure = error))
    tellError(step, failure)
  }
  const kept =
    (await (await blobs.get('small before')).text()) === body && (await (await blobs.get('large before')).text()).length === 300_000
  tell('before is kept', String(kept && (await jobs.stats('full.job')).ready >= 1))
  closeSync(handle)
  rmSync(ballast)
  const again = await Promise.allSettled(Object.values(calls).map((call) => call('after')))
  const wrong = again.filter(({ status }) => status === 'rejected').map(({ reason }) => reason)
  const drafts = readdirSync(directory, { recursive: true }).filter((name) => /draft|\.new$|\.tmp$/.test(name))
  tell('after room was made, all ports take', String(wrong.length === 0 && drafts.length === 0), wrong.map(String).join('; '))
  const { emitted, accepted, pending, dead, dropped } = telemetry.ledger()
  tell('the ledger balances', String(emitted === accepted + pending + dead + dropped))
  await running.close()
}
