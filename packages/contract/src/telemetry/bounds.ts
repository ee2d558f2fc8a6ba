import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PortError, silentLogger } from '@pdvend/ports'
import { diskFiles, type SpoolFiles } from '@pdvend/spool'
import { balances, freshDirectory, openWorld, outage, passing, range, type TelemetryCase } from './world.js'

const MEBIBYTE = 1_048_576

/** A disk with so many bytes left; what is written beyond fails with ENOSPC, after a part of it was taken, as a real one does. */
function smallDisk(bytes: number): SpoolFiles & { room: number } {
  const disk = {
    ...diskFiles,
    room: bytes,
    write(handle: number, data: Uint8Array, position: number | null): number {
      if (disk.room <= 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
      const part = data.subarray(0, Math.min(data.byteLength, disk.room))
      disk.room -= part.byteLength
      return diskFiles.write(handle, part, position)
    },
  }
  return disk
}

export const boundsCases: readonly TelemetryCase[] = [
  {
    id: 'T15',
    title: 'a million events with the sink down stay within 64 MiB of memory and the bound of the disk',
    timeoutMs: 180_000,
    async run(subject) {
      const sink = outage()
      const maxBytes = 64 * MEBIBYTE
      const { telemetry, event, spool, close } = await openWorld(subject, { between: sink.between, spool: { maxBytes } })
      const memory = (): number => {
        const { heapUsed, external } = process.memoryUsage()
        return heapUsed + external
      }
      for (let n = 0; n < 10_000; n++) telemetry.emit(event, { n })
      const before = memory()
      // What is held, not what waits to be collected: the lowest of each 100,000 events, and the highest of those.
      let highest = 0
      let lowest = Number.POSITIVE_INFINITY
      for (let n = 10_000; n < 1_000_000; n++) {
        telemetry.emit(event, { n })
        if (n % 5_000 === 0) {
          await new Promise((resolve) => setImmediate(resolve))
          lowest = Math.min(lowest, memory() - before)
        }
        if (n % 100_000 === 99_999) {
          highest = Math.max(highest, lowest)
          lowest = Number.POSITIVE_INFINITY
        }
      }
      assert.ok(highest < 64 * MEBIBYTE, `${Math.round(highest / MEBIBYTE)} MiB more`)
      assert.ok(spool.counts().bytes <= maxBytes)
      const { emitted, pending, dropped } = telemetry.ledger()
      assert.equal(emitted, 1_000_000)
      assert.equal(pending + dropped, 1_000_000)
      assert.ok(pending > 150_000, String(pending))
      assert.ok(balances(telemetry))
      // The rest of the outage is not of interest: without the sink, close leaves everything in the spool.
      await close()
    },
  },
  {
    id: 'T16',
    title: 'the bound of the spool holds across a restart, leftovers included',
    async run(subject) {
      const directory = await freshDirectory(subject)
      const maxBytes = 256 * 1_024
      const sink = outage()
      const fill = async (from: number) => {
        const world = await openWorld(subject, { directory, between: sink.between, spool: { maxBytes }, face: { closeMs: 10 } })
        for (let n = from; n < from + 1_000; n++) world.telemetry.emit(world.event, { n, text: 'x'.repeat(500) })
        assert.ok(world.spool.counts().bytes <= maxBytes, `${world.spool.counts().bytes}`)
        assert.ok(balances(world.telemetry))
        const { pending } = world.telemetry.ledger()
        await world.close()
        return pending
      }
      const left = await fill(0)
      assert.ok(left > 100 && left < 1_000)
      const leftAgain = await fill(1_000)
      assert.ok(leftAgain < 1_000)
      sink.down = false
      const last = await openWorld(subject, { directory, spool: { maxBytes } })
      assert.equal(last.telemetry.ledger().emitted, leftAgain)
      await last.flush()
      assert.deepEqual(await last.stored(), range(2_000 - leftAgain, 2_000))
    },
  },
  {
    id: 'T17',
    title: 'dropOldest keeps the newest, dropNewest keeps the oldest, and the ledger counts what went',
    async run(subject) {
      for (const policy of ['dropOldest', 'dropNewest'] as const) {
        const sink = outage()
        const world = await openWorld(subject, {
          between: sink.between,
          spool: { maxBytes: 128 * 1_024, policy },
          face: { batch: { maxAgeMs: 3_600_000, maxEvents: 100 } },
        })
        const base = policy === 'dropOldest' ? 0 : 10_000
        for (let n = base; n < base + 800; n++) world.telemetry.emit(world.event, { n, text: 'x'.repeat(500) })
        const { pending, dropped, emitted } = world.telemetry.ledger()
        assert.equal(emitted, 800)
        assert.ok(dropped > 300, `${dropped} dropped`)
        assert.equal(pending, 800 - dropped)
        sink.down = false
        await world.flush()
        const stored = (await world.stored()).filter((n) => n >= base && n < base + 800)
        assert.deepEqual(stored, policy === 'dropOldest' ? range(base + dropped, base + 800) : range(base, base + pending))
        assert.deepEqual(world.telemetry.ledger(), { emitted: 800, accepted: pending, pending: 0, dead: 0, dropped })
        await world.close()
      }
    },
  },
  {
    id: 'T18',
    title: 'a full disk: the app runs on, what cannot be kept is counted, and it recovers by itself',
    async run(subject) {
      const sink = outage()
      const disk = smallDisk(400_000)
      const { telemetry, event, close, flush, stored } = await openWorld(subject, { between: sink.between, spool: { files: disk } })
      for (let n = 0; n < 25_000; n++) telemetry.emit(event, { n, text: 'x'.repeat(400) })
      await assert.rejects(passing(subject, telemetry.emitAndWait(event, { n: 25_000 }, 'spooled')), (error) =>
        PortError.is(error, 'UNAVAILABLE'),
      )
      const full = telemetry.ledger()
      assert.ok(full.dropped > 1_000, JSON.stringify(full))
      assert.ok(balances(telemetry))
      disk.room = Number.POSITIVE_INFINITY
      const receipt = await passing(subject, telemetry.emitAndWait(event, { n: 30_000 }, 'spooled'))
      assert.equal(receipt.status, 'spooled')
      sink.down = false
      await flush()
      assert.equal((await stored()).length, full.pending + 1)
      assert.equal(telemetry.ledger().dropped, full.dropped)
      await close()
    },
  },
  {
    id: 'T19',
    title: 'a spool directory that cannot be made: the app runs in memory, with a warning',
    async run(subject) {
      const file = join(await freshDirectory(subject), 'a-file')
      await writeFile(file, '')
      const warnings: string[] = []
      const log = { ...silentLogger, warn: (_fields: unknown, message: string) => void warnings.push(message) }
      const readOnly = {
        ...diskFiles,
        mkdir: () => {
          throw Object.assign(new Error('read-only file system'), { code: 'EROFS' })
        },
      }
      const worlds = [
        await openWorld(subject, { directory: join(file, 'below'), spool: { log } }),
        await openWorld(subject, { spool: { log, files: readOnly } }),
      ]
      for (const [index, world] of worlds.entries()) {
        world.emit(index * 10, index * 10 + 10)
        assert.equal((await world.flush()).accepted, 10)
      }
      assert.equal(warnings.filter((message) => /memory/.test(message)).length, 2)
      if (worlds[0]!.readable) assert.deepEqual(await worlds[0]!.stored(), range(0, 20))
    },
  },
]
