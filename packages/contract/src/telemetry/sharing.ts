import assert from 'node:assert/strict'
import type { Child } from '../child-process.js'
import type { EmitterArgs } from './children/emitter.js'
import { freshDirectory, openWorld, range, type TelemetryCase, type TelemetrySubject } from './world.js'

const emitter = new URL('./children/emitter.js', import.meta.url)

function start(subject: TelemetrySubject, args: EmitterArgs): Child {
  return subject.spawn(emitter, { ...args })
}

const confirmed = (child: Child): readonly number[] => child.messages.filter((message) => typeof message === 'number')

/** Cases with other processes on the same spool directory. */
export const sharingCases: readonly TelemetryCase[] = [
  {
    id: 'T20',
    title: 'after kill -9 right behind "spooled", the event is delivered by the next process',
    engine: ['processes'],
    timeoutMs: 60_000,
    async run(subject) {
      const directory = await freshDirectory(subject)
      const child = start(subject, { directory, type: `${subject.run}.sale`, from: 0, to: 25, sink: 'down', mode: 'confirm' })
      await child.message((message) => message === 24)
      await child.kill()
      const world = await openWorld(subject, { directory })
      assert.equal((await world.flush()).complete, true)
      assert.deepEqual(await world.stored(), range(0, 25))
    },
  },
  {
    id: 'T21',
    title: 'killed at 50 random points: everything that was spooled is stored, nothing twice, and the ledger balances',
    engine: ['processes'],
    needs: ['query'],
    orEngine: 'storedEvents',
    timeoutMs: 300_000,
    async run(subject) {
      const directory = await freshDirectory(subject)
      const promised: number[] = []
      const life = async (turn: number): Promise<void> => {
        const from = turn * 1_000
        const child = start(subject, { directory, type: `${subject.run}.sale`, from, to: from + 1_000, sink: 'up', mode: 'confirm' })
        const last = from + Math.floor(subject.random() * 60)
        await child.message((message) => message === last)
        await child.kill()
        promised.push(...confirmed(child))
      }
      const turns = [...range(0, 50)]
      await Promise.all(
        range(0, 4).map(async () => {
          for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) await life(turn)
        }),
      )
      const world = await openWorld(subject, { directory })
      const report = await world.flush()
      const { emitted, accepted, dropped } = report
      assert.equal(report.complete, true)
      assert.equal(accepted, emitted - dropped)
      const stored = await world.stored()
      assert.equal(new Set(stored).size, stored.length, 'a row stands twice')
      const lost = promised.filter((n) => !new Set(stored).has(n))
      assert.deepEqual(lost, [])
      assert.ok(promised.length >= 50, `${promised.length} confirmed`)
    },
  },
  {
    id: 'T24',
    title: 'two processes share a spool directory, and a third one dies in it: nothing lost, nothing sent twice',
    engine: ['processes'],
    needs: ['query'],
    orEngine: 'storedEvents',
    timeoutMs: 90_000,
    async run(subject) {
      const directory = await freshDirectory(subject)
      const type = `${subject.run}.sale`
      const victim = start(subject, { directory, type, from: 0, to: 100, sink: 'down', mode: 'confirm' })
      await victim.message((message) => message === 99)
      const survivors = [100, 300].map((from) => start(subject, { directory, type, from, to: from + 200, sink: 'up', mode: 'drain' }))
      await Promise.all(survivors.map((child) => child.message((message) => typeof message === 'number')))
      await victim.kill()
      const ends = await Promise.all(survivors.map((child) => child.message((message) => typeof message === 'object')))
      assert.equal(JSON.stringify(ends), '[{"pending":0},{"pending":0}]')
      await Promise.all(survivors.map((child) => child.done()))
      // What the victim left was adopted by a survivor, or is still there for us.
      const world = await openWorld(subject, { directory })
      assert.equal((await world.flush()).complete, true)
      assert.deepEqual(await world.stored(), range(0, 500))
    },
  },
  {
    id: 'T28',
    title: 'process.exit in the middle of a handler keeps what was emitted in the same tick',
    engine: ['processes'],
    timeoutMs: 60_000,
    async run(subject) {
      const directory = await freshDirectory(subject)
      const child = start(subject, { directory, type: `${subject.run}.sale`, from: 0, to: 500, sink: 'down', mode: 'hurry' })
      assert.equal(await child.done(), 0)
      const world = await openWorld(subject, { directory })
      assert.equal((await world.flush()).complete, true)
      assert.deepEqual(await world.stored(), range(0, 500))
    },
  },
]
