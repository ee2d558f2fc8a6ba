import assert from 'node:assert/strict'
import { type DeviceReceipt, type JournalEntry, PortError, type PushJournal, type ReplayPage } from '@pdvend/ports'

/** Bounds of a journal under test. */
export interface JournalBounds {
  readonly namespace: string
  readonly maxQueued: number
  readonly overflow: 'dropOldest' | 'refuse'
}

/** Opens the journal: each call another instance on the same data. The caller closes them all. */
export type OpenJournal = (bounds: JournalBounds) => Promise<PushJournal>

/** One promise of a push journal, executable against any. */
export interface JournalCase {
  readonly title: string
  run(open: OpenJournal): Promise<void>
}

const call = { signal: new AbortController().signal }
const HOUR_MS = 3_600_000
/** When the cases play; nothing of the journal takes the machine's time. */
const T = 1_750_000_000_000
const everything = { cursors: {}, maxEntries: 1_000, maxBytes: 1_000_000 }

let runs = 0

function journalCase(title: string, run: (open: (bounds?: Partial<JournalBounds>) => Promise<PushJournal>) => Promise<void>): JournalCase {
  return {
    title,
    run(open) {
      const namespace = `case-${process.pid.toString(36)}-${Date.now().toString(36)}-${runs++}`
      return run((bounds) => open({ namespace, maxQueued: 1_000, overflow: 'dropOldest', ...bounds }))
    },
  }
}

function entry(id: string, stream: string, more: Partial<JournalEntry> = {}): JournalEntry {
  return { id, stream, name: 'note', retain: false, expiresAt: T + HOUR_MS, bytes: Buffer.from(id), ...more }
}

async function appendAll(journal: PushJournal, entries: readonly JournalEntry[], now = T): Promise<readonly number[]> {
  return Promise.all(entries.map(async (each) => (await journal.append(each, now, call)).sequence))
}

function ids({ entries }: ReplayPage): readonly string[] {
  return entries.map(({ id }) => id)
}

function states(receipts: readonly DeviceReceipt[]): readonly string[] {
  return receipts.map(({ device, state }) => `${device} ${state}`)
}

async function waiting(journal: PushJournal, device: string, now = T): Promise<readonly string[]> {
  return ids(await journal.replay(device, everything, now, call))
}

/** The device takes all that there is and says so. */
async function catchUp(journal: PushJournal, device: string, now = T): Promise<ReplayPage> {
  const page = await journal.replay(device, everything, now, call)
  await journal.acknowledge(device, page.cursors, [], now, call)
  return page
}

/** What every {@link PushJournal} promises, whatever keeps it: `for (const { title, run } of journalCases) test(title, () => run(open))`. */
export const journalCases: readonly JournalCase[] = [
  journalCase('an entry has its place, and the same id in its stream is the same entry, at every instance', async (open) => {
    const [journal, other] = [await open(), await open()]
    const first = await journal.append(entry('a', 'device:x'), T, call)
    assert.deepEqual({ ...first, sequence: 0 }, { sequence: 0, previous: 0, known: false })
    assert.deepEqual(await other.append(entry('a', 'device:x'), T + 1, call), { ...first, known: true })
    const elsewhere = await other.append(entry('a', 'group:g'), T, call)
    assert.equal(elsewhere.known, false)
    assert.ok(elsewhere.sequence > first.sequence)
    const second = await journal.append(entry('b', 'device:x'), T, call)
    assert.deepEqual([second.previous, second.known], [first.sequence, false])
    assert.equal(journal.id, other.id)
  }),

  journalCase('appends of one tick keep their order within and over streams, and an id given twice is kept once', async (open) => {
    const journal = await open()
    await journal.enroll('x', ['g'], call)
    const streams = ['device:x', 'all', 'group:g']
    const many = Array.from({ length: 90 }, (_, n) => entry(`n${n}`, streams[n % 3]!))
    const receipts = await Promise.all([...many, many[4]!].map((each) => journal.append(each, T, call)))
    const sequences = receipts.slice(0, 90).map(({ sequence }) => sequence)
    assert.deepEqual(
      sequences,
      sequences.toSorted((left, right) => left - right),
    )
    assert.deepEqual(receipts[90], { ...receipts[4]!, known: true })
    for (let n = 3; n < 90; n++) assert.equal(receipts[n]!.previous, sequences[n - 3])
    assert.deepEqual(
      await waiting(journal, 'x'),
      many.map(({ id }) => id),
    )
  }),

  journalCase('a device joins its own stream at the oldest and every other at its head', async (open) => {
    const journal = await open()
    const [own, , all] = await appendAll(journal, [entry('own', 'device:x'), entry('early', 'group:g'), entry('old', 'all')])
    assert.deepEqual(await journal.enroll('x', ['g'], call), { groups: ['g'], changed: false })
    const late = await journal.append(entry('late', 'group:g'), T, call)
    await journal.append(entry('foreign', 'device:y'), T, call)
    const page = await journal.replay('x', everything, T, call)
    assert.deepEqual(ids(page), ['own', 'late'])
    assert.deepEqual({ ...page.cursors }, { 'device:x': own, 'group:g': late.sequence, all })
    assert.deepEqual([page.more, page.lost], [false, []])
  }),

  journalCase('pages keep to their bounds, hold at least one entry, and together hold each entry once, in order', async (open) => {
    const journal = await open()
    await journal.enroll('x', ['g'], call)
    const streams = ['group:g', 'device:x', 'all', 'device:x', 'device:x']
    const sizes = [10, 400, 0, 900, 30, 30, 30]
    const made = Array.from({ length: 40 }, (_, n) =>
      entry(`n${n}`, streams[n % 5]!, { bytes: new Uint8Array(sizes[n % 7]!).fill(n), expiresAt: n % 9 === 5 ? T : T + HOUR_MS }),
    )
    await appendAll(journal, made, T - 1)
    const came: string[] = []
    let cursors = {}
    for (let more = true; more;) {
      const page = await journal.replay('x', { cursors, maxEntries: 4, maxBytes: 500 }, T, call)
      const bytes = page.entries.reduce((sum, each) => sum + each.bytes.byteLength, 0)
      assert.ok(page.entries.length === 1 || (page.entries.length <= 4 && page.entries.length > 1 && bytes <= 500), `${bytes} bytes`)
      came.push(...ids(page))
      cursors = page.cursors
      more = page.more
    }
    assert.deepEqual(
      came,
      made.filter(({ expiresAt }) => expiresAt > T).map(({ id }) => id),
    )
    assert.deepEqual(ids(await journal.replay('x', { ...everything, cursors }, T, call)), [])
  }),

  journalCase('an entry comes back as it was given', async (open) => {
    const journal = await open()
    await journal.enroll('x', [], call)
    const whole = entry('ação "1" 🛒', 'device:x', {
      name: "preço.alterado'--",
      replaceKey: 'chave\\ "%_',
      receiptTo: 'instance-1',
      bytes: Uint8Array.from({ length: 70_000 }, (_, n) => n % 256),
    })
    await appendAll(journal, [whole, entry('empty', 'device:x', { bytes: new Uint8Array() })])
    const { entries } = await journal.replay('x', everything, T, call)
    const { sequence: _sequence, previous: _previous, known: _known, bytes, ...rest } = entries[0]!
    const { bytes: given, ...same } = whole
    assert.deepEqual(rest, same)
    assert.ok(Buffer.from(given).equals(bytes))
    assert.equal(entries[1]!.bytes.byteLength, 0)
  }),

  journalCase('what a device has counts from its cursors and from what it acknowledged, whichever is further', async (open) => {
    const journal = await open()
    await journal.enroll('x', ['g'], call)
    const [first, second] = await appendAll(journal, [entry('1', 'group:g'), entry('2', 'group:g'), entry('3', 'group:g')])
    const from = async (cursors: Record<string, number>): Promise<readonly string[]> =>
      ids(await journal.replay('x', { ...everything, cursors }, T, call))
    assert.deepEqual(await from({ 'group:g': first! }), ['2', '3'])
    await journal.acknowledge('x', { 'group:g': second! }, [], T, call)
    assert.deepEqual(await from({ 'group:g': first! }), ['3'])
    await journal.acknowledge('x', { 'group:g': first!, 'group:other': 5, 'device:y': 7 }, [], T, call)
    assert.deepEqual(await from({}), ['3'])
    // Cursors beyond the end mean: all of it. What comes later is not skipped for that.
    assert.deepEqual(await from({ 'group:g': Number.MAX_SAFE_INTEGER, 'group:other': 9 }), [])
    await journal.acknowledge('x', { 'group:g': Number.MAX_SAFE_INTEGER, 'device:x': Number.MAX_SAFE_INTEGER }, [], T, call)
    await appendAll(journal, [entry('4', 'group:g'), entry('5', 'device:x')])
    assert.deepEqual(await from({}), ['4', '5'])
  }),

  journalCase('a device that the journal does not know is registered by its first replay, with what waits for it by name', async (open) => {
    const journal = await open()
    await appendAll(journal, [entry('1', 'device:x'), entry('2', 'all')])
    const page = await journal.replay('x', { ...everything, cursors: { all: 99, 'group:g': 3 } }, T, call)
    assert.deepEqual(ids(page), ['1'])
    assert.deepEqual(Object.keys(page.cursors).toSorted(), ['all', 'device:x'])
    assert.deepEqual(Object.keys((await journal.replay('y', everything, T, call)).cursors).toSorted(), ['all', 'device:y'])
    await journal.append(entry('3', 'all'), T, call)
    assert.deepEqual([await waiting(journal, 'x'), await waiting(journal, 'y')], [['1', '3'], ['3']])
  }),

  journalCase(
    'what a device is done with is gone from its own stream and has a receipt; groups and all keep theirs for others',
    async (open) => {
      const journal = await open()
      for (const device of ['x', 'y']) await journal.enroll(device, ['g'], call)
      await appendAll(journal, [entry('1', 'device:x'), entry('2', 'group:g'), entry('3', 'device:x'), entry('4', 'device:x')])
      assert.deepEqual(states(await journal.receipts('1', call)), ['x queued'])
      const page = await journal.replay('x', { ...everything, maxEntries: 3 }, T, call)
      const outcomes = [
        { id: '3', state: 'expired', error: 'first' },
        { id: '3', state: 'failed', error: 'no\0 paper \ud800!' },
        { id: '2', state: 'failed', error: 'not mine' },
      ] as const
      await journal.acknowledge('x', page.cursors, outcomes, T + 5, call)
      assert.deepEqual(await journal.receipts('1', call), [{ id: '1', device: 'x', state: 'handled', at: new Date(T + 5) }])
      assert.deepEqual(await journal.receipts('3', call), [
        { id: '3', device: 'x', state: 'failed', at: new Date(T + 5), error: 'no paper \ufffd!' },
      ])
      assert.deepEqual(states(await journal.receipts('2', call)), ['x failed'])
      assert.deepEqual(states(await journal.receipts('4', call)), ['x queued'])
      assert.deepEqual([await waiting(journal, 'x'), await waiting(journal, 'y')], [['4'], ['2']])
      assert.deepEqual(await journal.receipts('unheard of', call), [])
    },
  ),

  journalCase('an entry past its time is not handed out; expire deletes it once and says what became of it', async (open) => {
    const journal = await open()
    await journal.enroll('x', ['g'], call)
    const brief = { expiresAt: T + 100 }
    await journal.expire(T + 99, call) // of other namespaces
    await appendAll(journal, [
      entry('1', 'device:x', brief),
      entry('2', 'group:g', brief),
      entry('3', 'device:x'),
      entry('4', 'all', brief),
    ])
    assert.deepEqual(await waiting(journal, 'x', T + 99), ['1', '2', '3', '4'])
    assert.deepEqual(await waiting(journal, 'x', T + 100), ['3'])
    assert.equal(await journal.expire(T + 99, call), 0)
    assert.equal(await journal.expire(T + 100, call), 3)
    assert.equal(await journal.expire(T + 100, call), 0)
    assert.deepEqual(await journal.receipts('1', call), [{ id: '1', device: 'x', state: 'expired', at: new Date(T + 100) }])
    assert.deepEqual(await journal.receipts('2', call), [])
    assert.deepEqual(Object.keys(await journal.heads(call)), ['device:x'])
    await journal.expire(T + 25 * HOUR_MS, call)
    assert.deepEqual([await journal.receipts('1', call), await journal.heads(call)], [[], {}])
  }),

  journalCase('what a device had handled does not expire: its receipt stays, for an hour past the message’s time', async (open) => {
    const journal = await open()
    await journal.enroll('x', [], call)
    await journal.append(entry('1', 'device:x', { expiresAt: T + 100, retain: true }), T, call)
    await journal.append(entry('2', 'device:x', { expiresAt: T + 100 }), T, call)
    await catchUp(journal, 'x')
    await journal.expire(T + 200, call)
    assert.deepEqual(await journal.receipts('1', call), [])
    assert.deepEqual(states(await journal.receipts('2', call)), ['x handled'])
    await journal.expire(T + 100 + HOUR_MS, call)
    assert.deepEqual(await journal.receipts('2', call), [])
  }),

  journalCase('expire takes thousands in one call', async (open) => {
    const journal = await open({ maxQueued: 10_000 })
    const many = Array.from({ length: 1_300 }, (_, n) => entry(`n${n}`, n % 2 ? 'all' : 'device:x', { expiresAt: T - 1 }))
    await appendAll(journal, many, T - 2)
    assert.ok((await journal.expire(T, call)) >= 1_300)
    assert.deepEqual(await journal.heads(call), {})
    assert.deepEqual(states(await journal.receipts('n1298', call)), ['x expired'])
  }),

  journalCase('queued entries of the same stream, name and key make way for the newest, in one tick, too', async (open) => {
    const journal = await open()
    await journal.enroll('x', ['g'], call)
    const key = { replaceKey: 'k' }
    await appendAll(journal, [
      entry('1', 'device:x', key),
      entry('2', 'device:x', { ...key, name: 'other' }),
      entry('3', 'group:g', key),
      entry('4', 'device:x', { replaceKey: 'other' }),
      entry('5', 'device:x'),
      entry('6', 'device:x', key),
    ])
    await journal.append(entry('7', 'device:x', key), T + 1, call)
    await journal.append(entry('8', 'group:g', key), T + 1, call)
    assert.deepEqual(await waiting(journal, 'x'), ['2', '4', '5', '7', '8'])
    assert.deepEqual(states(await journal.receipts('1', call)), ['x replaced'])
    assert.deepEqual(await journal.receipts('6', call), [{ id: '6', device: 'x', state: 'replaced', at: new Date(T + 1) }])
    assert.deepEqual(await journal.receipts('3', call), [])
    // The same id is the same entry: it does not replace what came after it.
    assert.equal((await journal.append(entry('2', 'device:x', { ...key, name: 'other' }), T + 2, call)).known, true)
    assert.deepEqual(await waiting(journal, 'x'), ['2', '4', '5', '7', '8'])
  }),

  journalCase('the latest retained entry of a stream, name and key goes to who is new to the stream, and to nobody twice', async (open) => {
    const journal = await open()
    const price = { retain: true, replaceKey: 'price' }
    await appendAll(journal, [
      entry('1', 'group:g', price),
      entry('2', 'group:g', { retain: true }),
      entry('3', 'group:g', price),
      entry('4', 'group:g', { retain: true }),
      entry('5', 'group:g', { retain: true, name: 'other', expiresAt: T + 10 }),
      entry('6', 'group:g'),
    ])
    await journal.enroll('x', ['g'], call)
    await journal.append(entry('7', 'group:g'), T, call)
    const page = await journal.replay('x', { ...everything, maxEntries: 1 }, T, call)
    assert.deepEqual(ids(page), ['3', '4', '5', '7'])
    assert.deepEqual(await waiting(journal, 'x', T + 10), ['3', '4', '7'])
    assert.deepEqual(ids(await journal.replay('x', { ...everything, cursors: page.cursors }, T, call)), [])
    assert.deepEqual(ids(await journal.replay('x', { ...everything, cursors: { 'group:g': 0 } }, T, call)), ['7'])
  }),

  journalCase('the state in a device’s own stream outlives its being handled', async (open) => {
    const journal = await open()
    await journal.enroll('x', [], call)
    await appendAll(journal, [entry('1', 'device:x', { retain: true }), entry('2', 'device:x')])
    await catchUp(journal, 'x')
    assert.deepEqual(await waiting(journal, 'x'), ['1'])
    assert.deepEqual(Object.keys(await journal.heads(call)), ['device:x'])
  }),

  journalCase('at the bound the oldest make way, state last, and the device is told of the gap once', async (open) => {
    const journal = await open({ maxQueued: 4 })
    await journal.enroll('x', ['g'], call)
    await journal.append(entry('0', 'device:x'), T, call)
    const { cursors } = await catchUp(journal, 'x')
    await appendAll(journal, [entry('state', 'device:x', { retain: true })])
    await appendAll(
      journal,
      ['1', '2', '3', '4', '5'].map((id) => entry(id, 'device:x')),
      T + 1,
    )
    assert.deepEqual(await journal.receipts('2', call), [{ id: '2', device: 'x', state: 'dropped', at: new Date(T + 1) }])
    const page = await journal.replay('x', { ...everything, cursors }, T, call)
    assert.deepEqual([ids(page), page.lost], [['state', '3', '4', '5'], ['device:x']])
    assert.deepEqual((await journal.replay('x', { ...everything, cursors: page.cursors }, T, call)).lost, [])
  }),

  journalCase('a gap stays known when older state is dropped after it', async (open) => {
    const journal = await open({ maxQueued: 2 })
    await journal.enroll('x', ['g'], call)
    const state = { retain: true, name: 'state' }
    await appendAll(journal, [entry('s1', 'group:g', state), entry('1', 'group:g')])
    const { cursors } = await catchUp(journal, 'x')
    await appendAll(journal, [entry('2', 'group:g'), entry('3', 'group:g'), entry('s2', 'group:g', state)])
    const page = await journal.replay('x', { ...everything, cursors }, T, call)
    assert.deepEqual([ids(page), page.lost], [['3', 's2'], ['group:g']])
  }),

  journalCase('a state alone makes way when there is nothing else', async (open) => {
    const journal = await open({ maxQueued: 2 })
    await journal.enroll('x', [], call)
    const state = (id: string): JournalEntry => entry(id, 'device:x', { retain: true, name: id })
    await appendAll(journal, [state('1'), state('2'), state('3')])
    assert.deepEqual(await waiting(journal, 'x'), ['2', '3'])
  }),

  journalCase('room that a replaced entry leaves is room: nothing is dropped and nothing refused', async (open) => {
    for (const overflow of ['dropOldest', 'refuse'] as const) {
      const journal = await open({ maxQueued: 2, overflow, namespace: `room-${overflow}-${Date.now()}-${process.pid}` })
      const key = { replaceKey: 'k' }
      await appendAll(journal, [entry('1', 'device:x'), entry('2', 'device:x', key)])
      await journal.append(entry('3', 'device:x', key), T, call)
      assert.deepEqual(await waiting(journal, 'x'), ['1', '3'])
    }
  }),

  journalCase('set to refuse, the bound refuses the newest, changes nothing, and still knows what it has', async (open) => {
    const journal = await open({ maxQueued: 2, overflow: 'refuse' })
    await journal.enroll('x', [], call)
    const state = { retain: true, name: 'state' }
    const results = await Promise.allSettled(
      [entry('1', 'device:x', state), entry('2', 'device:x'), entry('3', 'device:x', state), entry('4', 'all'), entry('2', 'device:x')].map(
        (each) => journal.append(each, T, call),
      ),
    )
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
    )
    const error = (results[2] as PromiseRejectedResult).reason as PortError
    assert.ok(PortError.is(error, 'RATE_LIMITED'))
    assert.deepEqual([error.outcome, error.retryable, error.target], ['not-applied', false, 'device:x'])
    assert.match(error.message, /PDVEND_PUSH_QUEUE_MAX/)
    const page = await journal.replay('x', everything, T, call)
    assert.deepEqual(
      page.entries.map(({ id, retain }) => [id, retain]),
      [
        ['1', true],
        ['2', false],
        ['4', false],
      ],
    )
    await journal.acknowledge('x', page.cursors, [], T, call)
    assert.equal((await journal.append(entry('5', 'device:x'), T, call)).known, false)
  }),

  journalCase('groups are joined and left; who comes back joins at the head', async (open) => {
    const journal = await open()
    const enrol = (groups?: readonly string[]): ReturnType<PushJournal['enroll']> => journal.enroll('x', groups, call)
    assert.deepEqual(await enrol(['b', 'a']), { groups: ['b', 'a'], changed: false })
    assert.deepEqual(await enrol(['a', 'b']), { groups: ['a', 'b'], changed: false })
    assert.deepEqual(await enrol(), { groups: ['a', 'b'], changed: false })
    await appendAll(journal, [entry('1', 'group:a'), entry('2', 'group:b')])
    assert.deepEqual(await enrol(['b']), { groups: ['b'], changed: true })
    assert.deepEqual(await waiting(journal, 'x'), ['2'])
    assert.deepEqual(await enrol(['a', 'b']), { groups: ['a', 'b'], changed: true })
    assert.deepEqual(await waiting(journal, 'x'), ['2'])
    assert.deepEqual(await enrol([]), { groups: [], changed: true })
    assert.deepEqual(await waiting(journal, 'x'), [])
  }),

  journalCase('a handled message of a device is told apart until it may be forgotten', async (open) => {
    const [journal, other] = [await open(), await open()]
    assert.equal(await journal.settle('x', 'm', 0, call), true)
    const both = await Promise.all([journal.settle('x', 'm', T + 10, call), journal.settle('x', 'm', T + 10, call)])
    assert.deepEqual(both.toSorted(), [false, true])
    assert.deepEqual([await other.settle('x', 'm', T + 10, call), await other.settle('x', 'm', 0, call)], [false, false])
    assert.deepEqual([await other.settle('y', 'm', 0, call), await other.settle('y', 'm', T + 10, call)], [true, true])
    await journal.expire(T + 9, call)
    assert.equal(await other.settle('x', 'm', 0, call), false)
    await journal.expire(T + 10, call)
    assert.equal(await other.settle('x', 'm', 0, call), true)
  }),

  journalCase('heads are those of streams that have entries', async (open) => {
    const journal = await open()
    await journal.enroll('x', [], call)
    const [own, , last] = await appendAll(journal, [entry('1', 'device:x'), entry('2', 'all'), entry('3', 'all')])
    assert.deepEqual({ ...(await journal.heads(call)) }, { 'device:x': own, all: last })
    await catchUp(journal, 'x')
    assert.deepEqual({ ...(await journal.heads(call)) }, { all: last })
  }),

  journalCase('namespaces never meet', async (open) => {
    const base = `ns-${Date.now()}-${process.pid}`
    const [journal, other] = [await open({ namespace: base }), await open({ namespace: `${base}-2` })]
    await appendAll(journal, [entry('1', 'device:x'), entry('2', 'all')])
    await journal.settle('x', 'm', T + HOUR_MS, call)
    assert.deepEqual([await waiting(other, 'x'), await other.receipts('1', call), await other.heads(call)], [[], [], {}])
    assert.equal(await other.settle('x', 'm', 0, call), true)
    assert.equal((await other.append(entry('1', 'device:x'), T, call)).known, false)
  }),

  journalCase('another instance sees at once what one has resolved, and goes on when that one is closed', async (open) => {
    const [journal, other] = [await open(), await open()]
    await journal.enroll('x', ['g'], call)
    await appendAll(journal, [entry('1', 'device:x'), entry('2', 'group:g')])
    assert.deepEqual(await waiting(other, 'x'), ['1', '2'])
    await catchUp(other, 'x')
    assert.deepEqual(await waiting(journal, 'x'), [])
    await journal.close()
    await journal.close()
    await assert.rejects(journal.append(entry('3', 'all'), T, call), (error) => PortError.is(error, 'CLOSED'))
    await other.append(entry('4', 'all'), T, call)
    assert.deepEqual(await waiting(await open(), 'x'), ['4'])
    await other.ping(call)
  }),

  journalCase('what was asked for before close is kept', async (open) => {
    const journal = await open()
    const kept = Promise.all(['1', '2', '3'].map((id) => journal.append(entry(id, 'device:x'), T, call)))
    await new Promise((resolve) => setImmediate(resolve))
    await Promise.all([kept, journal.close()])
    assert.deepEqual(await waiting(await open(), 'x'), ['1', '2', '3'])
  }),
]
