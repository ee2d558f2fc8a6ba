import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from '@jest/globals'
import { seeded } from '@pdvend/contract'
import { defineJob, handle } from '@pdvend/ports'
import { z } from 'zod'

/** Lives of the process, each ended by kill -9 at a seeded moment. */
const KILLS = Number(process.env.PDVEND_TEST_KILLS ?? 200)
/** Processes that share the directory. */
const SLOTS = 2

interface Line {
  readonly port: 'blob' | 'jobs' | 'telemetry'
  readonly act: 'put' | 'delete' | 'enqueue' | 'handle' | 'emit'
  readonly state: 'begin' | 'done'
  readonly key?: string
  readonly sha?: string
  readonly n?: string
}

const dir = mkdtempSync(join(tmpdir(), 'pdvend-kill-'))
const recordFile = join(dir, 'record.ndjson')
const dataDir = join(dir, 'data')
afterAll(() => rmSync(dir, { recursive: true, force: true }))

describe(`${KILLS} kills -9 lose nothing that was acknowledged`, () => {
  test('B59 Q19 T21 blob, jobs and telemetry against an independent record', async () => {
    await Promise.all(Array.from({ length: SLOTS }, (_, slot) => lives(slot)))
    const record = readFileSync(recordFile, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line)
    const { openPorts } = (await import(new URL('./kill/ports.mjs', import.meta.url).href)) as typeof import('./kill/ports.mjs')
    const { blobs, jobs, telemetry, close } = await openPorts(dataDir, { PDVEND_BLOB_SWEEP_AFTER_MS: '0' })
    try {
      const counts = {
        blobs: await checkBlobs(record, blobs),
        jobs: await checkJobs(record, jobs),
        events: await checkEvents(record, telemetry),
      }
      await checkLeftovers(blobs)
      process.stdout.write(
        `${KILLS} kills: ${counts.blobs} blob writes, ${counts.jobs} jobs, ${counts.events} events acknowledged, none lost\n`,
      )
      expect(Math.min(counts.blobs, counts.jobs, counts.events)).toBeGreaterThan(KILLS / 2)
    } finally {
      await close()
    }
  }, 600_000)
})

/** One after the other in one slot; the other slots work on the same directory at the same time. */
async function lives(slot: number): Promise<void> {
  const random = seeded(20_260_101 + slot)
  for (let life = 0; life < KILLS / SLOTS; life++) {
    const acts = random() < 0.1 ? 0 : Math.ceil(random() * 80)
    await liveAndDie(slot, Math.floor(random() * 2 ** 32), acts, Math.floor(random() * 20))
  }
}

/** One life: killed so many milliseconds after its n-th act; 0 acts = while it starts. A slow machine kills at the same acts. */
async function liveAndDie(slot: number, seed: number, acts: number, afterMs: number): Promise<void> {
  const victim = fileURLToPath(new URL('./kill/victim.mjs', import.meta.url))
  const child = fork(victim, [dataDir, recordFile, String(slot), String(seed)], {
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>
  const kill = (): void => void setTimeout(() => child.kill('SIGKILL'), afterMs)
  if (acts === 0) setTimeout(kill, 60 + afterMs * 10)
  else child.on('message', (count) => void (count === acts && kill()))
  const [code, signal] = await exited
  if (signal !== 'SIGKILL') throw new Error(`the life with seed ${seed} ended by itself with ${code}`)
}

/** Each key holds what was last acknowledged, or what was begun after that. */
async function checkBlobs(record: readonly Line[], blobs: import('@pdvend/ports').BlobStorage): Promise<number> {
  const acts = record.filter(({ port }) => port === 'blob')
  const possible = new Map<string, Set<string>>()
  for (const { key, act, sha, state } of acts) {
    const value = act === 'put' ? sha! : 'absent'
    if (state === 'done') possible.set(key!, new Set([value]))
    else possible.set(key!, (possible.get(key!) ?? new Set(['absent'])).add(value))
  }
  for (const [key, allowed] of possible) {
    const found = (await blobs.exists(key)) ? await blobs.get(key) : undefined
    const sha =
      found === undefined
        ? 'absent'
        : createHash('sha256')
            .update(await found.bytes())
            .digest('hex')
    expect({ key, sha, allowed: [...allowed] }).toEqual({ key, sha: expect.any(String), allowed: expect.arrayContaining([sha]) })
    if (found !== undefined) expect(found.info.metadata.sha).toBe(sha)
  }
  return acts.filter(({ state }) => state === 'done').length
}

/** What the killed writes left is swept: no more files than blobs. */
async function checkLeftovers(blobs: import('@pdvend/ports').BlobStorage): Promise<void> {
  let stored = 0
  for await (const entry of blobs.list()) if (entry.kind === 'blob') stored++
  const folder = join(dataDir, 'blob')
  const bodies = (): number =>
    readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && /^[0-9a-f]{32}$/.test(entry.name))
      .length
  for (const end = Date.now() + 30_000; bodies() > stored && Date.now() < end;) await new Promise((resolve) => setTimeout(resolve, 50))
  expect(bodies()).toBeLessThanOrEqual(stored)
}

/** Each acknowledged job was handled before a kill, or is handled now; one that was at work in three kills is set aside as poison [Q31]. */
async function checkJobs(record: readonly Line[], jobs: import('@pdvend/ports').JobQueue): Promise<number> {
  const accepted = new Set(record.filter(({ act, state }) => act === 'enqueue' && state === 'done').map(({ n }) => n!))
  const handled = new Set(record.filter(({ act }) => act === 'handle').map(({ n }) => n!))
  const job = defineJob('kill.job', { input: z.object({ n: z.string() }) })
  const worker = jobs.work([handle(job, async ({ n }) => void handled.add(n))], { concurrency: 16 })
  for await (const dead of jobs.dead.list()) expect(dead.reason).toBe('poison')
  await jobs.dead.redrive({})
  const missing = (): string[] => [...accepted].filter((n) => !handled.has(n))
  for (const end = Date.now() + 120_000; missing().length > 0 && Date.now() < end;) await new Promise((resolve) => setTimeout(resolve, 100))
  await worker.close()
  expect(missing()).toEqual([])
  return accepted.size
}

/** Each spooled event is in the table exactly once. */
async function checkEvents(record: readonly Line[], telemetry: import('@pdvend/ports').Telemetry): Promise<number> {
  const spooled = new Set(record.filter(({ port, state }) => port === 'telemetry' && state === 'done').map(({ n }) => n!))
  await telemetry.flush()
  const rows = await telemetry.query({ type: 'kill.event', limit: 100_000 })
  const seen = rows.map(({ data }) => (data as { n: string }).n)
  expect(new Set(seen).size).toBe(seen.length)
  const stored = new Set(seen)
  expect([...spooled].filter((n) => !stored.has(n))).toEqual([])
  return spooled.size
}
