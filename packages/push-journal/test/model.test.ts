import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from '@jest/globals'
import { openJournal } from '@pdvend/local/push-journal'
import { type Cursors, type JournalEntry, PortError, type PushJournal } from '@pdvend/ports'
import fc from 'fast-check'
import { ModelJournal } from './model.js'
import { call, missing, testServer, titled } from './server.js'

const devices = ['a', 'b']
const streams = ['device:a', 'device:b', 'group:g', 'group:h', 'all']
const names = ['price', 'note']
const device = fc.constantFrom(...devices)

const entry = fc.record({
  id: fc.constantFrom(...Array.from({ length: 30 }, (_, n) => `m${n}`)),
  stream: fc.constantFrom(...streams),
  name: fc.constantFrom(...names),
  replaceKey: fc.constantFrom(undefined, undefined, 'k', 'l'),
  retain: fc.constantFrom(false, false, true),
  livesMs: fc.constantFrom(50, 300, 1e7),
  size: fc.constantFrom(0, 10, 200),
})

/** What one may do to a journal, in any order; `from`: cursors of none, the device's last page or one before. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('append' as const), entries: fc.array(entry, { minLength: 1, maxLength: 8 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('replay' as const),
      device,
      from: fc.constantFrom(0, 1, 1, 2),
      maxEntries: fc.constantFrom(1, 3, 100),
      maxBytes: fc.constantFrom(1, 250, 1e6),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('acknowledge' as const),
      device,
      from: fc.constantFrom(1, 1, 2, 9),
      failed: fc.constantFrom('', 'm1', 'm2'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('enroll' as const), device, groups: fc.constantFrom(undefined, [], ['g'], ['h', 'g'], ['h']) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      device,
      id: fc.constantFrom('x', 'y'),
      livesMs: fc.constantFrom(0, 100, 1e6),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'expire' as const }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(10, 100, 3_600_000, 90_000_000) }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

async function play(journal: PushJournal, model: ModelJournal, steps: readonly Step[]): Promise<void> {
  /** The real sequence of each of the model's. */
  const real = [0]
  const toModel = (cursors: Cursors): Cursors =>
    Object.fromEntries(Object.entries(cursors).map(([stream, at]) => [stream, real.indexOf(at)]))
  const toReal = (cursors: Cursors): Cursors =>
    Object.fromEntries(Object.entries(cursors).map(([stream, at]) => [stream, real[at] ?? Number.MAX_SAFE_INTEGER]))
  const pages = new Map(devices.map((each) => [each, [] as Cursors[]]))
  const cursorsOf = (each: string, from: number): Cursors =>
    from === 9 ? { [`device:${each}`]: 1e9, 'group:g': 1e9 } : from === 0 ? {} : (pages.get(each)!.at(-from) ?? {})
  let now = 1_750_000_000_000

  for (const each of steps) {
    if (each.do === 'append') {
      const entries = each.entries.map(({ livesMs, size, replaceKey, ...rest }): JournalEntry => {
        return { ...rest, expiresAt: now + livesMs, bytes: new Uint8Array(size), ...(replaceKey === undefined ? {} : { replaceKey }) }
      })
      const results = await Promise.allSettled(entries.map((one) => journal.append(one, now, call)))
      for (const [at, result] of results.entries()) {
        const wanted = model.append(entries[at]!, now)
        if (result.status === 'rejected') {
          expect([wanted, PortError.is(result.reason, 'RATE_LIMITED')]).toEqual(['full', true])
          continue
        }
        if (wanted === 'full') throw new Error('the bound was passed')
        const { sequence, previous, known } = result.value
        if (!known) {
          expect(sequence).toBeGreaterThan(real.at(-1)!)
          real.push(sequence)
        }
        expect({ sequence: real.indexOf(sequence), previous: real.indexOf(previous), known }).toEqual(wanted)
      }
    } else if (each.do === 'replay') {
      const { maxEntries, maxBytes } = each
      const cursors = cursorsOf(each.device, each.from)
      const page = await journal.replay(each.device, { cursors: toReal(cursors), maxEntries, maxBytes }, now, call)
      const wanted = model.replay(each.device, { cursors, maxEntries, maxBytes }, now)
      const got = {
        ids: page.entries.map(({ id, sequence, stream }) => `${stream} ${id} ${real.indexOf(sequence)}`),
        cursors: toModel(page.cursors),
        more: page.more,
        lost: page.lost.toSorted(),
      }
      expect(got).toEqual({ ...wanted, lost: wanted.lost.toSorted() })
      pages.get(each.device)!.push(wanted.cursors)
    } else if (each.do === 'acknowledge') {
      const cursors = cursorsOf(each.device, each.from)
      const outcomes = each.failed === '' ? [] : [{ id: each.failed, state: 'failed' as const }]
      await journal.acknowledge(each.device, toReal(cursors), outcomes, now, call)
      model.acknowledge(each.device, cursors, outcomes, now)
    } else if (each.do === 'enroll')
      expect(await journal.enroll(each.device, each.groups, call)).toEqual(model.enroll(each.device, each.groups))
    else if (each.do === 'settle') {
      const forgetAt = each.livesMs === 0 ? 0 : now + each.livesMs
      expect(await journal.settle(each.device, each.id, forgetAt, call)).toBe(model.settle(each.device, each.id, forgetAt))
    } else if (each.do === 'expire') expect(await journal.expire(now, call)).toBe(model.expire(now))
    else now += each.ms
  }
  for (const id of Array.from({ length: 30 }, (_, n) => `m${n}`)) {
    const receipts = await journal.receipts(id, call)
    expect(receipts.map((one) => `${one.device} ${one.state} ${one.at.getTime()}`).toSorted()).toEqual(model.receipts(id))
  }
  expect(toModel(await journal.heads(call))).toEqual(model.heads())
}

async function hold(runs: number, open: (overflow: 'dropOldest' | 'refuse', run: number) => Promise<PushJournal>): Promise<void> {
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), fc.constantFrom('dropOldest', 'refuse'), async (steps, overflow) => {
      const journal = await open(overflow, run++)
      try {
        await play(journal, new ModelJournal(4, overflow), steps)
      } finally {
        await journal.close()
      }
    }),
    { numRuns: runs },
  )
}

describe('whatever is done in whatever order, the journal behaves as the model', () => {
  const directory = mkdtempSync(join(tmpdir(), 'pdvend-journal-'))
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  test(
    'in SQLite',
    () => hold(60, (overflow, run) => openJournal(join(directory, String(run)), { namespace: 'n', maxQueued: 4, overflow })),
    120_000,
  )

  const server = testServer()
  const it = missing === undefined ? test : test.skip
  const schema = `model_${Date.now().toString(36)}`
  it(
    titled('in PostgreSQL'),
    () => hold(40, (overflow, run) => server.open({ schema: `${schema}_${run}`, maxQueued: 4, overflow, poolSize: 1 })),
    120_000,
  )
})
