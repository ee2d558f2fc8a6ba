import { readdir, rm, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { EventRecord, EventSpool, SpooledEvent } from '@pdvend/ports'
import fc from 'fast-check'
import { diskFiles, openSpool, type SpoolOptions } from '../src/index.js'
import { FILE_HEADER, fileHeader } from '../src/record.js'

let directory: string
const open: EventSpool[] = []

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pdvend-spool-'))
})
afterEach(async () => {
  for (const spool of open.splice(0)) await spool.close()
  await rm(directory, { recursive: true, force: true })
})

async function opened(options: Partial<SpoolOptions> = {}): Promise<EventSpool> {
  const spool = await openSpool({ directory, ...options })
  open.push(spool)
  return spool
}

function record(n: number, size = 0): EventRecord {
  return { id: `e${n}`, type: 'sale.closed', at: n, text: JSON.stringify({ n, pad: 'x'.repeat(size) }) }
}

function balanced(spool: EventSpool): void {
  const { appended, recovered, accepted, pending, dead, dropped } = spool.counts()
  expect(appended + recovered).toBe(accepted + pending + dead + dropped)
}

const ids = (events: readonly SpooledEvent[]): readonly string[] => events.map(({ id }) => id)

async function filesIn(suffix: string): Promise<readonly string[]> {
  const found = await readdir(directory, { recursive: true })
  return found.filter((name) => name.endsWith(suffix)).map((name) => join(directory, name))
}

describe('the disk spool', () => {
  test('gives records in order, within both bounds, each once', async () => {
    const spool = await opened()
    for (let n = 0; n < 10; n++) spool.append(record(n))
    expect(ids(await spool.take(3, 1e6))).toEqual(['e0', 'e1', 'e2'])
    expect(ids(await spool.take(100, 3 * record(3).text.length + 3, 1))).toEqual(['e3', 'e4', 'e5'])
    expect(ids(await spool.take(100, 1))).toEqual(['e6'])
    expect(ids(await spool.take(100, 1e6))).toEqual(['e7', 'e8', 'e9'])
    expect(await spool.take(100, 1e6)).toEqual([])
    expect(spool.counts()).toMatchObject({ appended: 10, pending: 10 })
  })

  test('what was not settled is there after a restart, what was is not', async () => {
    const first = await opened({ segmentBytes: 1_024 })
    for (let n = 0; n < 100; n++) first.append(record(n, n))
    const taken = await first.take(60, 1e6)
    first.settle(taken.filter((_, index) => index % 3 !== 0).map((event) => ({ event })))
    await first.close()
    const second = await opened()
    expect(second.counts()).toMatchObject({ recovered: 60, pending: 60 })
    const left = await second.take(1_000, 1e6)
    expect(ids(left)).toEqual(
      Array.from({ length: 100 }, (_, n) => n)
        .filter((n) => n >= 60 || n % 3 === 0)
        .map((n) => `e${n}`),
    )
    second.settle(left.map((event) => ({ event })))
    await second.close()
    expect(await readdir(directory)).toEqual([])
  })

  test('dead letters outlive a restart and are replayed once', async () => {
    const first = await opened()
    for (let n = 0; n < 4; n++) first.append(record(n))
    first.bury(record(9), 'INVALID_ARGUMENT: no', false)
    const taken = await first.take(10, 1e6)
    first.settle(taken.map((event, index) => (index < 2 ? { event } : { event, dead: `bad ${event.id}` })))
    await first.close()
    const second = await opened()
    expect(second.counts()).toMatchObject({ recovered: 3, dead: 3 })
    const reasons: string[] = []
    for await (const { id, reason } of second.listDead()) reasons.push(`${id}: ${reason}`)
    expect(reasons.sort()).toEqual(['e2: bad e2', 'e3: bad e3', 'e9: INVALID_ARGUMENT: no'])
    expect(await second.replayDead((dead) => (dead.id === 'e2' ? '{"mended":true}' : undefined))).toBe(1)
    expect(await second.replayDead()).toBe(1)
    expect(await second.replayDead()).toBe(0)
    const back = await second.take(10, 1e6)
    expect(back.map(({ id, bytes }) => [id, Buffer.from(bytes).toString()])).toEqual([
      ['e2', '{"mended":true}'],
      ['e3', record(3).text],
    ])
    balanced(second)
    await second.close()
    expect((await opened()).counts()).toMatchObject({ pending: 2, dead: 1 })
  })

  test('T17 dropNewest and dropOldest do what they say', async () => {
    const newest = await opened({ maxBytes: 65_536, policy: 'dropNewest' })
    const kept = Array.from({ length: 200 }, (_, n) => newest.append(record(n, 1_000))).filter((sequence) => sequence > 0).length
    expect(newest.counts()).toMatchObject({ appended: 200, pending: kept, dropped: 200 - kept })
    expect(ids(await newest.take(1, 1e6))).toEqual(['e0'])
    const oldest = await opened({ maxBytes: 65_536 })
    const dropped: [number, number][] = []
    oldest.listen({ arrived: () => undefined, dropped: (first, last) => dropped.push([first, last]) })
    for (let n = 0; n < 200; n++) expect(oldest.append(record(n, 1_000))).toBe(n + 1)
    const { pending, bytes } = oldest.counts()
    expect(bytes).toBeLessThanOrEqual(65_536)
    const left = await oldest.take(1_000, 1e9)
    expect(ids(left)).toEqual(Array.from({ length: pending }, (_, n) => `e${200 - pending + n}`))
    expect(dropped.at(-1)![1]).toBe(200 - pending)
    balanced(oldest)
  })

  test('T18 a full disk: nothing throws, what memory holds is kept, the rest is counted, and it recovers', async () => {
    let room = 300_000
    const files = {
      ...diskFiles,
      write(handle: number, bytes: Uint8Array, position: number | null): number {
        if (room <= 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
        const some = bytes.subarray(0, Math.min(bytes.byteLength, room))
        room -= some.byteLength
        return diskFiles.write(handle, some, position)
      },
    }
    const spool = await opened({ files, maxBytes: 64 * 1_048_576 })
    for (let n = 0; n < 20_000; n++) spool.append(record(n, 1_000))
    await expect(spool.synced()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const full = spool.counts()
    expect(full.dropped).toBeGreaterThan(5_000)
    expect(full.pending).toBeGreaterThan(7_000)
    balanced(spool)
    room = Number.POSITIVE_INFINITY
    await spool.synced()
    expect(spool.append(record(20_000))).toBeGreaterThan(0)
    await spool.close()
    const again = await opened({ maxBytes: 64 * 1_048_576 })
    expect(again.counts()).toMatchObject({ recovered: full.pending + 1, dropped: 0 })
    const sum = await drain(again)
    expect(sum.slice(0, full.pending)).toEqual(Array.from({ length: full.pending }, (_, n) => `e${n}`))
  })

  test('T19 a directory that cannot be used: memory and a warning', async () => {
    const warnings: string[] = []
    const quiet = (): void => {}
    const log = { debug: quiet, info: quiet, error: quiet, warn: (_: unknown, message: string) => void warnings.push(message) }
    const file = join(directory, 'file')
    await writeFile(file, '')
    for (const bad of [file, join(file, 'below'), '/proc/pdvend-spool']) {
      const spool = await openSpool({ directory: bad, log })
      expect(spool.append(record(1))).toBe(1)
      await spool.synced()
      expect(ids(await spool.take(1, 100))).toEqual(['e1'])
    }
    const readOnly = {
      ...diskFiles,
      mkdir: () => {
        throw Object.assign(new Error('read-only file system'), { code: 'EROFS' })
      },
    }
    expect((await openSpool({ directory, log, files: readOnly })).append(record(1))).toBe(1)
    expect(warnings).toHaveLength(4)
  })

  test('T25 acknowledgements without their segment, and a segment without them, are no obstacle', async () => {
    const first = await opened({ segmentBytes: 1_024 })
    for (let n = 0; n < 30; n++) first.append(record(n, 100))
    const taken = await first.take(3, 1e6)
    first.settle(taken.slice(0, 2).map((event) => ({ event })))
    await first.close()
    const [ack] = await filesIn('.ack')
    await writeFile(ack!.replace(/\d+\.ack$/, '99999999.ack'), await readFile(ack!))
    await rm(ack!)
    const second = await opened()
    expect((await drain(second)).slice(0, 3)).toEqual(['e0', 'e1', 'e2'])
    await second.close()
    expect(await readdir(directory)).toEqual([])
  })

  test('what a newer release wrote is left for it', async () => {
    const first = await opened()
    first.append(record(1))
    await first.close()
    const [path] = await filesIn('.seg')
    const bytes = await readFile(path!)
    fileHeader(2).copy(bytes)
    await writeFile(path!, bytes)
    const second = await opened()
    expect(second.counts()).toMatchObject({ recovered: 0, pending: 0 })
    await second.close()
    expect(await readFile((await filesIn('.seg'))[0]!)).toEqual(bytes)
  })

  test('a folder deleted under its feet is made again', async () => {
    const spool = await opened({ segmentBytes: 1_024 })
    spool.append(record(1, 900))
    await spool.synced()
    await rm(directory, { recursive: true })
    for (let n = 2; n < 6; n++) spool.append(record(n, 900))
    await spool.synced()
    expect(spool.counts()).toMatchObject({ pending: 5 })
    await spool.close()
    expect(await drain(await opened())).toEqual(['e2', 'e3', 'e4', 'e5'])
  })

  test('a record damaged on disk while the process runs is lost alone and counted', async () => {
    const spool = await opened({ segmentBytes: 4_096 })
    for (let n = 0; n < 50; n++) spool.append(record(n, 500))
    await spool.synced()
    const path = [...(await filesIn('.seg'))].sort()[2]!
    const bytes = await readFile(path)
    bytes[FILE_HEADER + 700]! ^= 4
    await writeFile(path, bytes)
    const read = await drain(spool)
    expect(read).toHaveLength(49)
    expect(spool.counts()).toMatchObject({ accepted: 49, dropped: 1, pending: 0 })
  })

  test('keeps what a model keeps, whatever is asked of it in whatever order', async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: fc.constant('append' as const), many: fc.integer({ min: 1, max: 40 }), size: fc.nat(400) }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant('take' as const), many: fc.integer({ min: 1, max: 30 }) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('settle' as const), every: fc.integer({ min: 1, max: 4 }) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const), every: fc.integer({ min: 1, max: 3 }) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('replay' as const) }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const place = await mkdtemp(join(directory, 'run-'))
        let spool = await openSpool({ directory: place, segmentBytes: 1_024 })
        const model = { pending: new Set<string>(), dead: new Set<string>(), taken: [] as SpooledEvent[], next: 0 }
        for (const now of steps) {
          if (now.do === 'append') {
            for (let count = 0; count < now.many; count++) {
              const fresh = record(model.next++, now.size)
              spool.append(fresh)
              model.pending.add(fresh.id)
            }
          } else if (now.do === 'take') {
            const taken = await spool.take(now.many, 1e6)
            for (const { id } of taken) expect(model.pending.has(id) && !model.taken.some((other) => other.id === id)).toBe(true)
            model.taken.push(...taken)
          } else if (now.do === 'settle') {
            const done = model.taken.filter((_, index) => index % now.every === 0)
            spool.settle(done.map((event, index) => (index % 2 === 0 ? { event } : { event, dead: 'no' })))
            model.taken = model.taken.filter((event) => !done.includes(event))
            done.forEach(({ id }, index) => (model.pending.delete(id), index % 2 === 1 && model.dead.add(id)))
          } else if (now.do === 'release') {
            const back = model.taken.filter((_, index) => index % now.every === 0)
            spool.release(back)
            model.taken = model.taken.filter((event) => !back.includes(event))
          } else if (now.do === 'replay') {
            expect(await spool.replayDead()).toBe(model.dead.size)
            for (const id of model.dead) model.pending.add(id)
            model.dead.clear()
          } else {
            await spool.close()
            spool = await openSpool({ directory: place, segmentBytes: 1_024 })
            model.taken = []
          }
          balanced(spool)
          expect(spool.counts()).toMatchObject({ pending: model.pending.size, dead: model.dead.size })
          expect(spool.readyEvents).toBe(model.pending.size - model.taken.length)
        }
        spool.release(model.taken)
        expect([...(await drain(spool))].sort()).toEqual([...model.pending].sort())
        await spool.close()
      }),
      { numRuns: 60 },
    )
  }, 60_000)
})

async function drain(spool: EventSpool): Promise<readonly string[]> {
  const all: string[] = []
  for (;;) {
    const taken = await spool.take(500, 1e7)
    if (taken.length === 0) return all
    all.push(...ids(taken))
    spool.settle(taken.map((event) => ({ event })))
  }
}
