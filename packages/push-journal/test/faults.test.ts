import { describe, expect, test } from '@jest/globals'
import { type JournalEntry, PortError, type PushJournal } from '@pdvend/ports'
import pg from 'pg'
import { call, defaults, missingOwn, testServer, titled } from './server.js'
import { startWriter } from './writers.js'

const server = testServer({ named: false })
const it = missingOwn === undefined ? test : test.skip

function entry(id: string, stream = 'device:x'): JournalEntry {
  return { id, stream, name: 'note', retain: false, expiresAt: 4e12, bytes: Buffer.alloc(40) }
}

async function everything(journal: PushJournal, device: string): Promise<readonly string[]> {
  const ids: string[] = []
  let cursors = {}
  for (let more = true; more;) {
    const page = await journal.replay(device, { cursors, maxEntries: 500, maxBytes: 1e7 }, 1, call)
    ids.push(...page.entries.map(({ id }) => id))
    cursors = page.cursors
    more = page.more
  }
  return ids
}

/** What the port does: again, until it works. */
async function persist<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work()
    } catch (error) {
      if (!PortError.is(error, 'UNAVAILABLE') || !error.retryable || tries === 200) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

describe(titled('when something dies', missingOwn), () => {
  it('a writer killed at any moment has what it was told is kept, and leaves no lock', async () => {
    const settings = { ...defaults, schema: 'killed', maxQueued: 100_000 }
    const journal = await server.open(settings)
    for (let round = 0; round < 4; round++) {
      const writer = startWriter({
        url: server.engine.url,
        settings,
        name: `r${round}`,
        count: 1e9,
        streams: ['device:x', 'device:y', 'all'],
        atOnce: 16,
      })
      while (writer.kept.length < 100 + 150 * round) await new Promise((resolve) => setTimeout(resolve, 3))
      await writer.kill()
      await journal.append(entry(`after-${round}`), 1, call)
      const kept = writer.kept.filter(({ stream }) => stream === 'device:x')
      const found = new Set(await everything(journal, 'x'))
      expect(kept.filter(({ id }) => !found.has(id))).toEqual([])
      expect(found.has(`after-${round}`)).toBe(true)
    }
  }, 60_000)

  it('the server killed or restarted again and again: what was kept is there, once, in order, and the journal reconnects by itself', async () => {
    const [journal, other] = await Promise.all([0, 1].map(() => server.open({ schema: 'restarted', maxQueued: 100_000 })))
    let over = false
    let n = 0
    const kept: [string, number][] = []
    const lane = async (instance: PushJournal): Promise<void> => {
      while (!over) {
        const id = `n${n++}`
        const { sequence } = await persist(() => instance.append(entry(id), 1, call))
        kept.push([id, sequence])
      }
    }
    const lanes = [journal!, journal!, journal!, other!, other!].map(lane)
    const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 300))
    for (const breakIt of [server.engine.kill, server.engine.restart, server.engine.kill]) {
      await pause()
      await breakIt!.call(server.engine)
    }
    await pause()
    over = true
    await Promise.all(lanes)
    expect(kept.length).toBeGreaterThan(50)
    const inOrder = kept.toSorted(([, left], [, right]) => left - right).map(([id]) => id)
    expect(await everything(other!, 'x')).toEqual(inOrder)
    await journal!.ping(call)
  }, 60_000)

  it('a server that is away: UNAVAILABLE at once, naming the setting, and back when it is back', async () => {
    const journal = await server.open({ schema: 'away' })
    await journal.append(entry('1'), 1, call)
    const up = await server.engine.down!('killed')
    const errors: unknown[] = []
    for (let tries = 0; tries < 3; tries++) await journal.append(entry('2'), 1, call).catch((error: unknown) => errors.push(error))
    await journal.ping(call).catch((error: unknown) => errors.push(error))
    expect(errors).toHaveLength(4)
    for (const error of errors) expect(error).toMatchObject({ code: 'UNAVAILABLE', retryable: true })
    expect(errors[3]).toMatchObject({ outcome: 'not-applied', message: expect.stringContaining('PDVEND_PUSH_JOURNAL') })
    await up()
    await persist(() => journal.ping(call))
    expect(await everything(journal, 'x')).toEqual(['1'])
  }, 30_000)

  it('a server that hangs: callers who give up are let go, the others are told after the time-out, and it goes on', async () => {
    const journal = await server.open({ schema: 'hung', statementTimeoutMs: 500, connectTimeoutMs: 500, poolSize: 2 })
    await journal.append(entry('1'), 1, call)
    const resume = await server.engine.pause!()
    try {
      const began = Date.now()
      const soon = { signal: AbortSignal.timeout(100) }
      const error = await journal.append(entry('2'), 1, soon).catch((each: unknown) => each)
      expect(error).toBe(soon.signal.reason)
      await expect(journal.receipts('1', { signal: AbortSignal.timeout(100) })).rejects.toHaveProperty('name', 'TimeoutError')
      await expect(journal.append(entry('3'), 1, call)).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true })
      expect(Date.now() - began).toBeLessThan(15_000)
    } finally {
      await resume()
    }
    await persist(() => journal.append(entry('4'), 1, call))
    const found = await everything(journal, 'x')
    expect(found.filter((id) => id === '1' || id === '4')).toEqual(['1', '4'])
  }, 30_000)

  it('many that ask at once wait for a connection as long as they like, and who gives up leaves the line', async () => {
    const journal = await server.open({ schema: 'line', poolSize: 1, connectTimeoutMs: 300 })
    await journal.append(entry('1'), 1, call)
    const holder = new pg.Client({ connectionString: server.engine.url })
    await holder.connect()
    await holder.query('BEGIN; LOCK line.entries IN ACCESS EXCLUSIVE MODE')
    const asked = Array.from({ length: 5 }, () => journal.receipts('1', call))
    const soon = { signal: AbortSignal.timeout(100) }
    await expect(journal.receipts('1', soon)).rejects.toHaveProperty('name', 'TimeoutError')
    await new Promise((resolve) => setTimeout(resolve, 600))
    await holder.end()
    for (const receipts of await Promise.all(asked)) expect(receipts.map(({ state }) => state)).toEqual(['queued'])
  })

  it('an abort before its turn leaves nothing behind', async () => {
    const journal = await server.open({ schema: 'aborted' })
    const reason = new PortError('CANCELED')
    const gone = new AbortController()
    const waiting = [journal.append(entry('1'), 1, { signal: gone.signal }), journal.settle('x', 'm', 9, { signal: gone.signal })]
    gone.abort(reason)
    for (const each of waiting) await expect(each).rejects.toBe(reason)
    for (const each of [
      () => journal.append(entry('2'), 1, { signal: gone.signal }),
      () => journal.replay('x', { cursors: {}, maxEntries: 1, maxBytes: 1 }, 1, { signal: gone.signal }),
      () => journal.ping({ signal: gone.signal }),
      () => journal.enroll('x', [], { signal: gone.signal }),
    ])
      await expect(each()).rejects.toBe(reason)
    expect([await everything(journal, 'x'), await journal.settle('x', 'm', 0, call)]).toEqual([[], true])
  })

  it('statements that take too long are given up by the server and changed nothing', async () => {
    const journal = await server.open({ schema: 'slow', statementTimeoutMs: 300 })
    await journal.append(entry('1'), 1, call)
    const holder = new pg.Client({ connectionString: server.engine.url })
    await holder.connect()
    await holder.query('BEGIN; SELECT FROM slow.streams FOR UPDATE')
    const error = await journal.append(entry('2'), 1, call).catch((each: unknown) => each)
    await holder.end()
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', outcome: 'not-applied' })
    await journal.append(entry('3'), 1, call)
    expect(await everything(journal, 'x')).toEqual(['1', '3'])
  })

  it('a database that was wiped is another journal: the running one says so, a new one makes its tables', async () => {
    const journal = await server.open({ schema: 'wiped' })
    await journal.append(entry('1'), 1, call)
    const operator = new pg.Client({ connectionString: server.engine.url })
    await operator.connect()
    await operator.query('DROP SCHEMA wiped CASCADE')
    const lost = { code: 'UNAVAILABLE', retryable: false, message: expect.stringContaining('start the app again') }
    await expect(journal.append(entry('2'), 1, call)).rejects.toMatchObject(lost)
    await expect(journal.ping(call)).rejects.toMatchObject(lost)
    const next = await server.open({ schema: 'wiped' })
    expect(next.id).not.toBe(journal.id)
    await next.append(entry('3'), 1, call)
    await expect(journal.ping(call)).rejects.toMatchObject(lost)
    await operator.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pdvend-push-journal'`)
    await operator.end()
    await persist(() => next.ping(call))
    await expect(persist(() => journal.append(entry('4'), 1, call))).rejects.toMatchObject(lost)
    expect(await everything(next, 'x')).toEqual(['3'])
  })
})
