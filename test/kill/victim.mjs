// One life of the process that the kill test ends at a random moment. It works on all ports at once and writes to an
// independent record, one line an act: what it is about to do, and what was acknowledged. The record is a plain file
// written with one system call a line, which a kill of the process cannot undo.
import { createHash } from 'node:crypto'
import { openSync, writeSync } from 'node:fs'
import { defineEvent, defineJob, handle, newId } from '@pdvend/ports'
import { z } from 'zod'
import { openPorts } from './ports.mjs'

const [dir, recordFile, slot, seedText] = process.argv.slice(2)
const record = openSync(recordFile, 'a')
let acts = 0
const tell = (line) => {
  writeSync(record, `${JSON.stringify(line)}\n`)
  process.send(++acts)
}
const random = mulberry(Number(seedText))

const job = defineJob('kill.job', { input: z.object({ n: z.string() }) })
const event = defineEvent('kill.event', { data: z.object({ n: z.string() }) })

const { blobs, jobs, telemetry } = await openPorts(dir)
process.send(0)

const forever = async (act) => {
  for (;;) await act()
}

// Few keys, each of one writer, so that overwrites and deletes meet; bodies from a few bytes to what needs a file of its own.
const write = async (writer) => {
  const key = `${slot}${writer}/${Math.floor(random() * 4)}`
  if (random() < 0.15) {
    tell({ port: 'blob', act: 'delete', key, state: 'begin' })
    await blobs.delete(key)
    tell({ port: 'blob', act: 'delete', key, state: 'done' })
    return
  }
  const body = Buffer.alloc(Math.floor(random() ** 3 * 400_000), newId())
  const sha = createHash('sha256').update(body).digest('hex')
  tell({ port: 'blob', act: 'put', key, sha, state: 'begin' })
  const source =
    random() < 0.5
      ? body
      : (async function* () {
          for (let at = 0; at < body.length; at += 50_000) yield body.subarray(at, at + 50_000)
        })()
  await blobs.put(key, source, { metadata: { sha } })
  tell({ port: 'blob', act: 'put', key, sha, state: 'done' })
}
for (const writer of ['a', 'b', 'c']) void forever(() => write(writer))

void forever(async () => {
  const n = newId()
  tell({ port: 'jobs', act: 'enqueue', n, state: 'begin' })
  await jobs.enqueue(job, { n }, random() < 0.3 ? { key: `key-${n.charCodeAt(n.length - 1) % 3}` } : {})
  tell({ port: 'jobs', act: 'enqueue', n, state: 'done' })
})

// The handler records before it returns: a job may run twice, never not at all.
jobs.work([handle(job, async ({ n }) => tell({ port: 'jobs', act: 'handle', n, state: 'done' }))], { concurrency: 4 })

void forever(async () => {
  const n = newId()
  tell({ port: 'telemetry', act: 'emit', n, state: 'begin' })
  await telemetry.emitAndWait(event, { n }, 'spooled')
  tell({ port: 'telemetry', act: 'emit', n, state: 'done' })
})

function mulberry(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
