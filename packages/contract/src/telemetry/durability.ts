import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openSpool } from '@pdvend/spool'
import { formatVersion1 } from './fixtures.js'
import { freshDirectory, openWorld, outage, passing, range, type TelemetryCase, type TelemetrySubject, type World } from './world.js'

/** Leaves events in a spool directory, none of them sent. */
async function leaveBehind(subject: TelemetrySubject, directory: string, from: number, to: number, text = ''): Promise<void> {
  const world = await openWorld(subject, { directory, between: outage().between, face: { closeMs: 1 } })
  for (let n = from; n < to; n++) world.telemetry.emit(world.event, { n, text })
  await world.close()
}

async function onlyFile(directory: string, suffix: string): Promise<string> {
  const files = (await readdir(directory, { recursive: true })).filter((name) => name.endsWith(suffix))
  assert.equal(files.length, 1, files.join())
  return join(directory, files[0]!)
}

/** Opens the directory anew, with the engine in reach, and sends all. */
async function drained(subject: TelemetrySubject, directory: string): Promise<World> {
  const world = await openWorld(subject, { directory })
  const report = await world.flush()
  assert.equal(report.complete, true)
  return world
}

export const durabilityCases: readonly TelemetryCase[] = [
  {
    id: 'T22',
    title: 'a torn last record, cut at every byte, is passed over and counted; all before it are delivered',
    timeoutMs: 120_000,
    async run(subject) {
      const directory = await freshDirectory(subject)
      await leaveBehind(subject, directory, 0, 3)
      const bytes = await readFile(await onlyFile(directory, '.seg'))
      const third = bytes.indexOf('PDVr', bytes.indexOf('PDVr', bytes.indexOf('PDVr') + 1) + 1)
      assert.ok(third > 0)
      for (let cut = third + 1; cut < bytes.length; cut += 1) {
        const torn = await freshDirectory(subject)
        await mkdir(join(torn, 'free-0000000001'))
        await writeFile(join(torn, 'free-0000000001', '00000001.seg'), bytes.subarray(0, cut))
        const { counts, take, close } = await spoolAt(torn)
        assert.deepEqual([counts().recovered, counts().dropped], [3, 1], `cut at ${cut}`)
        assert.equal((await take()).length, 2, `cut at ${cut}`)
        await close()
        await rm(torn, { recursive: true, force: true })
      }
      await writeFile(await onlyFile(directory, '.seg'), bytes.subarray(0, bytes.length - 1))
      const { stored, telemetry } = await drained(subject, directory)
      assert.deepEqual(await stored(), [0, 1])
      assert.deepEqual(telemetry.ledger(), { emitted: 3, accepted: 2, pending: 0, dead: 0, dropped: 1 })
    },
  },
  {
    id: 'T23',
    title: 'a flipped bit in the middle of a file costs one record, which is counted; the rest is delivered',
    async run(subject) {
      const directory = await freshDirectory(subject)
      await leaveBehind(subject, directory, 0, 50, 'x'.repeat(100))
      const path = await onlyFile(directory, '.seg')
      const bytes = await readFile(path)
      const at = Math.floor(bytes.length / 2 + subject.random() * 100)
      bytes[at]! ^= 1 << Math.floor(subject.random() * 8)
      await writeFile(path, bytes)
      const { stored, telemetry } = await drained(subject, directory)
      const left = await stored()
      assert.equal(left.length, 49)
      assert.deepEqual(telemetry.ledger(), { emitted: 50, accepted: 49, pending: 0, dead: 0, dropped: 1 })
    },
  },
  {
    id: 'T25',
    title: 'a crash between the deletion of a segment and that of its acknowledgements, or before either, restarts cleanly',
    async run(subject) {
      const directory = await freshDirectory(subject)
      await leaveBehind(subject, directory, 0, 10)
      const segment = await onlyFile(directory, '.seg')
      await writeFile(segment.replace(/\d+\.seg$/, '00000099.ack'), 'leftover of a segment that is gone')
      await writeFile(segment.replace(/\.seg$/, '.ack'), 'torn')
      const first = await drained(subject, directory)
      assert.deepEqual(await first.stored(), range(0, 10))
      await first.close()
      assert.equal((await readdir(directory)).length, 0)
      const second = await drained(subject, directory)
      assert.equal(second.telemetry.ledger().emitted, 0)
    },
  },
  {
    id: 'T26',
    title: 'a spool that the first release wrote still drains',
    async run(subject) {
      const directory = await freshDirectory(subject)
      await formatVersion1(directory)
      const { telemetry, sent } = await drained(subject, directory)
      assert.deepEqual(telemetry.ledger(), { emitted: 3, accepted: 2, pending: 0, dead: 1, dropped: 0 })
      assert.deepEqual(
        sent.flat().map(({ id, type, key }) => [id, type, key]),
        [
          ['v1-b', 'sale.closed', 'till-1'],
          ['v1-c', 'sale.closed', undefined],
        ],
      )
      const dead: unknown[] = []
      for await (const { id, reason, data } of telemetry.deadLetters.list()) dead.push([id, reason, data])
      assert.deepEqual(dead, [['v1-d', 'INVALID_ARGUMENT: ruim', { n: 4 }]])
    },
  },
  {
    id: 'T27',
    title: 'close flushes what fits into its budget; the rest stays in the spool and is delivered by the next process',
    async run(subject) {
      const directory = await freshDirectory(subject)
      let batches = 0
      const first = await openWorld(subject, {
        directory,
        face: { closeMs: 500, batch: { maxEvents: 10, concurrency: 1 } },
        between: (_batch, next, call) =>
          ++batches <= 3
            ? next()
            : new Promise((_, reject) => call.signal.addEventListener('abort', () => reject(call.signal.reason as Error), { once: true })),
      })
      first.emit(0, 100)
      await first.close()
      const { accepted, pending, dropped, dead } = first.telemetry.ledger()
      assert.deepEqual({ accepted, pending, dropped, dead }, { accepted: 30, pending: 70, dropped: 0, dead: 0 })
      const second = await drained(subject, directory)
      assert.equal(second.telemetry.ledger().emitted, 70)
      assert.equal(new Set([...first.sent.slice(0, 3).flat(), ...second.sent.flat()].map(({ id }) => id)).size, 100)
      if (second.readable) assert.deepEqual(await second.stored(), range(0, 100))
    },
  },
  {
    id: 'T64',
    title: 'a spool left by another adapter drains to this one, each event once',
    async run(subject) {
      const directory = await freshDirectory(subject)
      await leaveBehind(subject, directory, 0, 500, 'escrito por outro adaptador')
      const [one, two] = await Promise.all([openWorld(subject, { directory }), openWorld(subject, { directory })])
      await Promise.all([one.flush(), two.flush()])
      const ids = [...one.sent, ...two.sent].flat().map(({ id }) => id)
      assert.equal(ids.length, 500)
      assert.equal(new Set(ids).size, 500)
      assert.equal(one.telemetry.ledger().emitted + two.telemetry.ledger().emitted, 500)
      const again = await passing(subject, drained(subject, directory))
      assert.equal(again.telemetry.ledger().emitted, 0)
    },
  },
]

/** The spool alone, for what only its counts tell. */
async function spoolAt(directory: string) {
  const spool = await openSpool({ directory })
  return { counts: () => spool.counts(), take: () => spool.take(100, 1e6), close: () => spool.close() }
}
