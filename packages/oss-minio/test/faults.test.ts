import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type RunningEngine, whyMissing } from '@pdvend/engines'
import { BlobStorage, PortError } from '@pdvend/ports'
import { type Network, network } from './toxics.js'
import { open, provision, startBucket, uploadsOf } from './engine.js'

const missing = (await whyMissing('minio', { named: false })) ?? (await whyMissing('toxiproxy', { named: false }))
/** 1 = the quick size; the full size is 10. */
const scale = Number(process.env.PDVEND_TEST_SCALE ?? '1')
const MIB = 1_048_576

/** A body of `mebibytes`, in chunks of 64 KiB, and what it is like. */
function body(mebibytes: number, onChunk?: (sentBytes: number) => void | Promise<void>) {
  const chunk = createHash('sha512').update(String(mebibytes)).digest()
  const piece = Buffer.alloc(65_536, chunk)
  const sizeBytes = mebibytes * MIB
  return {
    sizeBytes,
    async *stream(): AsyncGenerator<Uint8Array> {
      for (let sent = 0; sent < sizeBytes; sent += piece.byteLength) {
        await onChunk?.(sent)
        yield piece
      }
    },
  }
}

/** `written`, or the code of the error; never anything else, never for ever. */
async function outcomeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: unknown) => {
      if (!PortError.is(error)) throw error
      return error.code
    },
  )
}

/** The bytes are those of {@link body}, all of them. */
async function isWhole(blobs: BlobStorage, key: string, mebibytes: number): Promise<boolean> {
  const piece = createHash('sha512').update(String(mebibytes)).digest()
  let at = 0
  for await (const chunk of await blobs.get(key, { timeoutMs: 20_000 }))
    for (let index = 0; index < chunk.byteLength; index += 64_001, at += 0) {
      if (chunk[index] !== piece[(at + index) % piece.byteLength]) return false
      if (index + 64_001 >= chunk.byteLength) at += chunk.byteLength
    }
  return at === mebibytes * MIB
}

const report = (what: string, figures: Readonly<Record<string, unknown>>): void =>
  console.log(`[faults] ${what}: ${JSON.stringify(figures)}`)

/** No unfinished upload after a while: what could not be removed while the store was away is removed when it is back. */
async function isClean(env: Readonly<Record<string, string>>): Promise<number> {
  const started = Date.now()
  for (;;) {
    const left = await uploadsOf(env)
    if (left.length === 0) return Date.now() - started
    if (Date.now() - started > 30_000) throw new Error(`left behind: ${left.join(', ')}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

describe('faults of a store and of the way to it', () => {
  if (missing !== undefined) return test.skip(`faults (skipped: ${missing})`, () => {})
  let minio: RunningEngine
  let way: Network
  let blobs: BlobStorage
  let env: Readonly<Record<string, string>>

  beforeAll(async () => {
    minio = await startBucket('minio')
    way = await network(new URL(minio.env.PDVEND_BLOB_ENDPOINT!).host)
    env = {
      ...minio.env,
      PDVEND_BLOB_ENDPOINT: `http://${way.address}`,
      PDVEND_BLOB_IDLE_TIMEOUT_MS: '3000',
      PDVEND_BLOB_PART_BYTES: String(5 * MIB),
    }
    blobs = new BlobStorage(await open(env), { adapter: 'oss-minio' })
  }, 120_000)

  afterAll(async () => {
    await way?.heal()
    await blobs?.close()
    await way?.stop()
    await minio?.stop()
  }, 60_000)

  test('the store is killed in the middle of multipart uploads: typed errors or success, nothing half there, no part left', async () => {
    const outcomes: string[] = []
    for (let round = 0; round < 2 * scale; round++) {
      const key = `killed-${round}`
      await blobs.put(key, 'before')
      let killed: Promise<void> | undefined
      const at = (5 + ((round * 7) % 20)) * MIB
      const { stream } = body(40, async (sent) => {
        if (sent >= at && killed === undefined) killed = minio.kill!()
        // The source is slower than the restart, so that the kill hits a part under way.
        if (killed !== undefined && sent % MIB === 0) await new Promise((resolve) => setTimeout(resolve, 10))
      })
      outcomes.push(await outcomeOf(blobs.put(key, stream(), { timeoutMs: 30_000 })))
      await killed
      await blobs.exists(key)
      if (outcomes.at(-1) === 'done') expect(await isWhole(blobs, key, 40)).toBe(true)
      else expect([await (await blobs.get(key)).text()]).toContain('before')
    }
    report('killed during a multipart upload', { rounds: outcomes.length, outcomes, cleanAfterMs: await isClean(minio.env) })
  }, 300_000)

  test('nothing that was acknowledged is lost when the store is killed', async () => {
    const acknowledged = new Map<string, string>()
    const outcomes: Record<string, number> = {}
    let down = false
    const writer = async (lane: number): Promise<void> => {
      for (let number = 0; number < 40 * scale; number++) {
        const key = `lane-${lane}/${number}`
        const outcome = await outcomeOf(blobs.put(key, `${key} ${'x'.repeat(number * 50)}`, { timeoutMs: 20_000 }))
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
        if (outcome === 'done') acknowledged.set(key, key)
        if (lane === 0 && number === 10 && !down) {
          down = true
          await minio.kill!()
        }
      }
    }
    await Promise.all([0, 1, 2, 3].map(writer))
    for (const key of acknowledged.keys()) expect((await (await blobs.get(key)).text()).startsWith(`${key} `)).toBe(true)
    report('killed under small writes', { acknowledged: acknowledged.size, lost: 0, outcomes })
  }, 120_000)

  test('a slow network: latency and little bandwidth are no failure', async () => {
    await way.infect({ type: 'latency', stream: 'downstream', attributes: { latency: 150, jitter: 50 } })
    await way.infect({ type: 'bandwidth', stream: 'upstream', attributes: { rate: 6_000 } })
    const started = Date.now()
    // Longer than the idle time-out: what moves is not silent.
    const size = 30
    await blobs.put('slow', body(size).stream(), { timeoutMs: 60_000 })
    const wroteMs = Date.now() - started
    expect(await isWhole(blobs, 'slow', size)).toBe(true)
    await way.heal()
    report('slow network', { mebibytes: size, wroteMs })
  }, 120_000)

  test('connections that are cut, reset or fall silent: an error in time or success, the old blob or the new', async () => {
    const figures: Record<string, string> = {}
    const toxics = {
      'cut after 6 MiB up': { type: 'limit_data', stream: 'upstream', attributes: { bytes: 6 * MIB } },
      'reset after 300 ms': { type: 'reset_peer', stream: 'downstream', attributes: { timeout: 300 } },
      'silent answers': { type: 'timeout', stream: 'downstream', attributes: { timeout: 0 } },
      'silent uploads': { type: 'timeout', stream: 'upstream', attributes: { timeout: 0 } },
    } as const
    for (const [name, toxic] of Object.entries(toxics)) {
      await blobs.put('cut', 'before')
      await way.infect(toxic)
      const started = Date.now()
      const outcome = await outcomeOf(blobs.put('cut', body(20).stream(), { timeoutMs: 15_000 }))
      const ms = Date.now() - started
      expect(ms).toBeLessThan(20_000)
      await way.heal()
      if (outcome === 'done') expect(await isWhole(blobs, 'cut', 20)).toBe(true)
      else expect(await (await blobs.get('cut')).text()).toBe('before')
      figures[name] = `${outcome} after ${ms} ms`
    }
    // An upload whose beginning was not answered is unknown to the writer, and empty: the next start removes it.
    const unanswered = (await uploadsOf(minio.env)).length
    const next = await open({ ...minio.env, PDVEND_BLOB_SWEEP_AFTER_MS: '0' })
    report('broken uploads', { ...figures, unanswered, cleanAfterMs: await isClean(minio.env) })
    await next.close()
  }, 180_000)

  test('a download that is cut again and again goes on where it was, or fails; it is never short', async () => {
    await blobs.put('download', body(20).stream())
    await way.infect({ type: 'limit_data', stream: 'downstream', attributes: { bytes: 3 * MIB } })
    expect(await isWhole(blobs, 'download', 20)).toBe(true)
    await way.heal()
    const reader = await blobs.get('download')
    const reading = (async () => {
      let read = 0
      for await (const chunk of reader) {
        if (read === 0) await way.cut()
        read += chunk.byteLength
      }
      return read
    })()
    const outcome = await outcomeOf(reading)
    await way.heal()
    expect(['UNAVAILABLE', 'DEADLINE_EXCEEDED']).toContain(outcome)
    report('broken downloads', { cutEvery: '3 MiB', whole: true, 'cut for good': outcome })
  }, 120_000)

  test('a frozen store ends calls by their deadline', async () => {
    const thaw = await minio.pause!()
    const started = Date.now()
    const outcomes = await Promise.all([
      outcomeOf(blobs.put('frozen', 'x', { timeoutMs: 2_000 })),
      outcomeOf(blobs.get('slow', { timeoutMs: 2_000 })),
      outcomeOf(blobs.put('frozen', body(12).stream(), { timeoutMs: 2_000 })),
    ])
    const ms = Date.now() - started
    await thaw()
    expect(ms).toBeLessThan(8_000)
    expect(new Set(outcomes)).toEqual(new Set(['DEADLINE_EXCEEDED']))
    expect(await blobs.exists('slow')).toBe(true)
    report('frozen store', { outcomes, ms, cleanAfterMs: await isClean(minio.env) })
  }, 60_000)
})

const noMount = whyNoMount()

describe('a full disk', () => {
  if (missing !== undefined || noMount !== undefined) return test.skip(`a full disk (skipped: ${missing ?? noMount})`, () => {})

  test('is told as such and not tried again, keeps what was there, and takes writes again when there is room', async () => {
    const minio = await startBucket('minio')
    const { folder } = minio
    try {
      const back = await minio.down!('in-order')
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', `${folder}/data`])
      await back()
      await provision(minio.env)
      const blobs = new BlobStorage(await open(minio.env), { adapter: 'oss-minio' })
      await blobs.put('kept', 'kept')
      const errors: PortError[] = []
      const told = (): PortError | undefined => errors.find(({ message }) => message.includes('no space'))
      // It may also cut the connection while it is being written to.
      for (let number = 0; number < 20 && told() === undefined; number++)
        await blobs
          .put(`filler-${number}`, body(20).stream(), { timeoutMs: 20_000 })
          .catch((error: unknown) => errors.push(error as PortError))
      expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(['UNAVAILABLE']))
      expect(told()).toMatchObject({ retryable: false, attempts: 1, outcome: 'not-applied' })
      expect(await (await blobs.get('kept')).text()).toBe('kept')
      for await (const { error } of blobs.deleteMany(Array.from({ length: 20 }, (_, number) => `filler-${number}`)))
        expect(error).toBeUndefined()
      await isClean(minio.env)
      // What was deleted is thrown away for good some minutes later, and at the start.
      await minio.restart!()
      const started = Date.now()
      while ((await outcomeOf(blobs.put('again', body(1).stream()))) !== 'done') {
        expect(Date.now() - started).toBeLessThan(60_000)
        await new Promise((resolve) => setTimeout(resolve, 250))
      }
      report('full disk', { againAfterMs: Date.now() - started, errors: errors.map(({ code, attempts }) => `${code} after ${attempts}`) })
      await blobs.close()
    } finally {
      await minio.down!('killed').catch(() => undefined)
      execFileSync('umount', [`${folder}/data`], { stdio: 'ignore' })
      await minio.stop()
    }
  }, 120_000)
})

/** Why this machine cannot have a small disk of its own; undefined = it can. */
function whyNoMount(): string | undefined {
  if (process.getuid?.() !== 0) return 'mounting a small disk needs root'
  try {
    execFileSync('sh', ['-c', 'd=$(mktemp -d) && mount -t tmpfs -o size=1m tmpfs "$d" && umount "$d" && rmdir "$d"'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'this machine lets nobody mount a small disk'
  }
}
