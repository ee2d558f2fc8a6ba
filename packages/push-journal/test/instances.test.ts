import { describe, expect, test } from '@jest/globals'
import type { JournalEntry, PushJournal } from '@pdvend/ports'
import pg from 'pg'
import { call, defaults, missingOwn, testServer, titled } from './server.js'
import { type Kept, startWriter } from './writers.js'

const server = testServer({ named: false })
const it = missingOwn === undefined ? test : test.skip

function entry(id: string, stream: string): JournalEntry {
  return { id, stream, name: 'note', retain: false, expiresAt: 4e12, bytes: Buffer.alloc(40) }
}

/** A device that asks again and again, from where it was: what it got, and its cursors. */
async function follow(journal: PushJournal, device: string, until: () => boolean): Promise<readonly Kept[]> {
  const got: Kept[] = []
  let cursors = {}
  for (let last = false; ;) {
    const page = await journal.replay(device, { cursors, maxEntries: 50, maxBytes: 1e6 }, Date.now(), call)
    got.push(...page.entries.map(({ id, stream, sequence, previous }) => ({ id, stream, sequence, previous })))
    cursors = page.cursors
    if (page.more) continue
    if (last) return got
    last = until()
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

describe(titled('instances', missingOwn), () => {
  it('of several processes append at once: readers meanwhile get each entry once, each stream in the order of its sequences', async () => {
    const settings = { ...defaults, schema: 'many', maxQueued: 100_000, poolSize: 3 }
    const streams = ['all', 'group:g', 'device:reader-0', 'device:reader-1']
    const journal = await server.open(settings)
    for (const device of ['reader-0', 'reader-1', 'reader-2']) await journal.enroll(device, ['g'], call)
    const writers = [0, 1, 2].map((n) =>
      startWriter({ url: server.engine.url, settings, name: `w${n}`, count: 1_500, streams, atOnce: 5 + 20 * n }),
    )
    let over = false
    const done = Promise.all(writers.map((writer) => writer.done())).finally(() => (over = true))
    const readers = await Promise.all([0, 1, 2].map((n) => follow(journal, `reader-${n}`, () => over)))
    await done
    const kept = writers.flatMap((writer) => writer.kept)
    expect(kept).toHaveLength(4_500)
    const bySequence = (left: Kept, right: Kept): number => left.sequence - right.sequence
    for (const stream of streams) {
      const line = kept.filter((each) => each.stream === stream).toSorted(bySequence)
      expect(line.map(({ previous }) => previous)).toEqual([0, ...line.slice(0, -1).map(({ sequence }) => sequence)])
      for (const [n, got] of readers.entries()) {
        const mine = !stream.startsWith('device:') || stream === `device:reader-${n}`
        expect(got.filter((each) => each.stream === stream)).toEqual(mine ? line : [])
      }
    }
    // Each writer's own order is kept where it waited for one before the next.
    expect(await journal.heads(call)).toEqual(
      Object.fromEntries(
        streams.map((stream) => [
          stream,
          kept
            .filter((each) => each.stream === stream)
            .toSorted(bySequence)
            .at(-1)!.sequence,
        ]),
      ),
    )
  }, 60_000)

  it('never show an entry while one before it in its stream may still come; other streams do not wait for it', async () => {
    const journal = await server.open({ schema: 'order' })
    await journal.enroll('x', ['g'], call)
    await journal.append(entry('0', 'group:g'), 1, call)
    const slow = new pg.Client({ connectionString: server.engine.url })
    await slow.connect()
    try {
      await slow.query('BEGIN')
      await slow.query(
        `SELECT * FROM "order".append('test', 1000, false, '{1}', '{group:g}', '{1}', '{note}', '{NULL}', '{false}', '{4000000000000}', '{NULL}', '{0}', '')`,
      )
      const other = await server.open({ schema: 'order' })
      let kept = false
      const second = other.append(entry('2', 'group:g'), 1, call).then((receipt) => {
        kept = true
        return receipt
      })
      await journal.append(entry('3', 'all'), 1, call)
      await new Promise((resolve) => setTimeout(resolve, 100))
      const before = await journal.replay('x', { cursors: {}, maxEntries: 10, maxBytes: 1e6 }, 2, call)
      expect([kept, before.entries.map(({ id }) => id)]).toEqual([false, ['0', '3']])
      await slow.query('COMMIT')
      const { sequence, previous } = await second
      const after = await journal.replay('x', { cursors: before.cursors, maxEntries: 10, maxBytes: 1e6 }, 2, call)
      expect(after.entries.map(({ id }) => id)).toEqual(['1', '2'])
      expect(after.entries[0]!.sequence).toBe(previous)
      expect(after.entries[1]!.sequence).toBe(sequence)
    } finally {
      await slow.end()
    }
  })

  it('append, acknowledge, expire, enroll and settle the same devices at once without a deadlock', async () => {
    const settings = { schema: 'crowd', maxQueued: 20 }
    const instances = await Promise.all([0, 1, 2].map(() => server.open(settings)))
    const devices = ['a', 'b', 'c', 'd']
    const streams = [...devices.map((device) => `device:${device}`), 'group:g', 'group:h', 'all']
    let n = 0
    const lane = async (journal: PushJournal, seed: number): Promise<void> => {
      for (let round = 0; round < 60; round++) {
        const at = seed + round
        const device = devices[at % devices.length]!
        await Promise.all(
          streams.map((_, k) => {
            const stream = streams[(at * 3 + k * (1 + (seed % 5))) % streams.length]!
            const key = k % 2 ? {} : { replaceKey: `k${at % 3}` }
            return journal.append({ ...entry(`e${n++}`, stream), expiresAt: at % 7 ? 4e12 : 5, retain: k === 3, ...key }, at, call)
          }),
        )
        const page = await journal.replay(device, { cursors: {}, maxEntries: 8, maxBytes: 1e6 }, at, call)
        const outcomes = page.entries.slice(0, 2).map(({ id }) => ({ id, state: 'failed' as const }))
        await Promise.all([
          journal.acknowledge(device, page.cursors, outcomes, at, call),
          journal.acknowledge(devices[(at + 1) % 4]!, page.cursors, outcomes.toReversed(), at, call),
          journal.enroll(device, at % 2 ? ['g'] : ['h', 'g'], call),
          journal.settle(device, `m${at % 9}`, 10, call),
          journal.expire(at, call),
        ])
      }
    }
    await Promise.all(instances.flatMap((journal, i) => [lane(journal, i * 5), lane(journal, i * 5 + 2)]))
    const [{ wrong }] = await rows(
      server.engine.url,
      `SELECT count(*)::int AS wrong FROM crowd.streams s
      WHERE queued <> (SELECT count(*) FROM crowd.entries e WHERE e.ns = s.ns AND e.stream = s.stream) OR queued > 20`,
    )
    expect(wrong).toBe(0)
    // A deadlock would have been tried again, unseen; the order of the locks leaves none.
    expect(await server.engine.log()).not.toContain('deadlock detected')
  }, 60_000)

  it('share one statement among the appends of a tick: one commit for all', async () => {
    const journal = await server.open({ schema: 'ticks' })
    await Promise.all(Array.from({ length: 200 }, (_, n) => journal.append(entry(`n${n}`, `device:d${n % 50}`), 1, call)))
    const [{ commits, entries }] = await rows(
      server.engine.url,
      'SELECT count(DISTINCT xmin::text)::int AS commits, count(*)::int AS entries FROM ticks.entries',
    )
    expect([commits, entries]).toEqual([1, 200])
  })

  it('a stream at its bound costs as many rows as any other', async () => {
    const journal = await server.open({ schema: 'bound', maxQueued: 2_000 })
    const fill = (from: number, to: number): Promise<unknown> =>
      Promise.all(Array.from({ length: to - from }, (_, n) => journal.append(entry(`n${from + n}`, 'all'), 1, call)))
    const fetched = async (): Promise<number> => {
      await new Promise((resolve) => setTimeout(resolve, 1_500)) // the server counts with a delay
      const [{ rows: count }] = await rows(
        server.engine.url,
        `SELECT coalesce(idx_tup_fetch, 0)::int AS rows FROM pg_stat_user_tables WHERE schemaname = 'bound' AND relname = 'entries'`,
      )
      return count as number
    }
    await fill(0, 2_000)
    const before = await fetched()
    await fill(2_000, 2_500)
    await journal.ping(call)
    const dropped = (await fetched()) - before
    // A plan that reads the stream for each of them would fetch a million.
    expect(dropped).toBeGreaterThanOrEqual(1_000)
    expect(dropped).toBeLessThan(10_000)
  })

  it('keep its neighbours when one entry cannot be stored', async () => {
    const journal = await server.open({ schema: 'neighbours' })
    const results = await Promise.allSettled(['a', 'b\0', 'c'].map((id) => journal.append(entry(id, 'all'), 1, call)))
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect((results[1] as PromiseRejectedResult).reason).toMatchObject({ code: 'INVALID_ARGUMENT', retryable: false })
    await expect(journal.append({ ...entry('d', 'all'), bytes: Buffer.alloc(6_000_000) }, 1, call)).resolves.toMatchObject({ known: false })
  })
})

async function rows(url: string, sql: string): Promise<[Record<string, unknown>]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows as [Record<string, unknown>]
  } finally {
    await client.end()
  }
}
