import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { setTimeout as after } from 'node:timers/promises'
import { type DeadEvent, defineEvent, defineJob, defineMessage, handle, type StandardSchema } from '@pdvend/ports'
import { z } from 'zod'
import { CANARY, Shop } from './shop.js'

const LEVELS = 100_000

let shop: Shop
beforeAll(async () => {
  shop = await Shop.open()
  await shop.jobs.enqueue(anyJob, 'before')
  await shop.push.publish({ device: 'till-1' }, anyMessage, 'before', { id: 'before' })
  await shop.telemetry.emitAndWait(anyEvent, 'before', 'accepted')
})
afterAll(async () => {
  expect((await shop.jobs.stats(anyJob.name)).ready).toBe(1)
  expect(await shop.push.receipts('before')).toMatchObject([{ device: 'till-1', state: 'queued' }])
  expect((await shop.telemetry.query({ type: anyEvent.name, limit: 10 })).map(({ data }) => data)).toContain('before')
  const { emitted, accepted, pending, dead, dropped } = shop.telemetry.ledger()
  expect(accepted + pending + dead + dropped).toBe(emitted)
  expect(shop.record.leaks(CANARY)).toEqual([])
  await shop.close()
})

const anyJob = defineJob('bad.job', { input: z.unknown() })
const anyMessage = defineMessage('bad.message', { body: z.unknown() })
const anyEvent = defineEvent('bad.event', { data: z.unknown() })

/** z.json() walks into its value by calling itself. */
const walking = {
  job: defineJob('walking.job', { input: z.json() }),
  message: defineMessage('walking.message', { body: z.json() }),
  event: defineEvent('walking.event', { data: z.json() }),
}

/** A validator that throws instead of answering. */
const throwing: StandardSchema = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: () => {
      throw new TypeError('the schema is broken')
    },
  },
}
const broken = {
  job: defineJob('broken.job', { input: throwing }),
  message: defineMessage('broken.message', { body: throwing }),
  event: defineEvent('broken.event', { data: throwing }),
}

function deep(kind: 'array' | 'object'): unknown {
  let value: unknown = 'bottom'
  for (let level = 0; level < LEVELS; level++) value = kind === 'array' ? [value] : { deeper: value }
  return value
}

function cycle(): unknown {
  const value: { self?: unknown; list: unknown[] } = { list: [] }
  value.self = value
  value.list.push({ up: value })
  return value
}

const unfit: readonly (readonly [string, () => unknown])[] = [
  [`arrays ${LEVELS} levels deep`, () => deep('array')],
  [`objects ${LEVELS} levels deep`, () => deep('object')],
  ['a BigInt', () => ({ cents: 10n })],
  ['a cycle', cycle],
  ['a function', () => () => 1],
  ['a symbol', () => Symbol('x')],
  ['a toJSON that throws', () => ({ toJSON: () => raise('toJSON') })],
  ['a getter that throws', () => Object.defineProperty({}, 'sale', { enumerable: true, get: () => raise('getter') })],
]

function raise(what: string): never {
  throw new Error(`the ${what} is broken`)
}

describe.each(unfit)('%s', (_, make) => {
  test('is refused by enqueue', async () => {
    const error = await shop.refusal(() => shop.jobs.enqueue(anyJob, make()), ['INVALID_ARGUMENT'], /input of job bad\.job/)
    expect(error.outcome).toBe('not-applied')
    const outcomes = await shop.jobs.enqueueMany([
      { job: anyJob, input: make() },
      { job: defineJob('good.job', { input: z.string() }), input: 'good' },
    ])
    expect(outcomes.map((outcome) => outcome.error?.code)).toEqual(['INVALID_ARGUMENT', undefined])
    expect((await shop.jobs.stats(anyJob.name)).ready).toBe(1)
  })

  test('is refused by publish', async () => {
    const error = await shop.refusal(() => shop.push.publish({ all: true }, anyMessage, make()), ['INVALID_ARGUMENT'], /JSON/)
    expect(error.outcome).toBe('not-applied')
    const [bad, good] = await shop.push.publishMany([
      { to: { device: 'till-2' }, message: anyMessage, body: make() },
      { to: { device: 'till-2' }, message: anyMessage, body: 'good' },
    ])
    expect([bad?.error?.code, good?.receipt?.state]).toEqual(['INVALID_ARGUMENT', 'accepted'])
    await shop.refusal(() => shop.push.request('till-1', 'ask', make(), { timeoutMs: 500 }), ['INVALID_ARGUMENT'], /JSON/)
  })

  test('is set aside by emit, which never throws', async () => {
    const before = shop.telemetry.ledger()
    expect(() => shop.telemetry.emit(anyEvent, make())).not.toThrow()
    await shop.refusal(() => shop.telemetry.emitAndWait(anyEvent, make(), 'spooled'), ['INVALID_ARGUMENT'], /data/)
    const { emitted, dead } = shop.telemetry.ledger()
    expect({ emitted: emitted - before.emitted, dead: dead - before.dead }).toEqual({ emitted: 2, dead: 2 })
  })
})

describe('a validator that gives up', () => {
  const nested = deep('array')
  test.each(['job', 'message', 'event'] as const)('by its own depth: %s', async (kind) => {
    const { job, message, event } = walking
    if (kind === 'job') await shop.refusal(() => shop.jobs.enqueue(job, nested as never), ['INVALID_ARGUMENT'], /walking\.job/)
    if (kind === 'message')
      await shop.refusal(() => shop.push.publish({ all: true }, message, nested as never), ['INVALID_ARGUMENT'], /walking\.message/)
    if (kind === 'event')
      await shop.refusal(() => shop.telemetry.emitAndWait(event, nested as never, 'spooled'), ['INVALID_ARGUMENT'], /data/)
  })

  test('by throwing', async () => {
    const { job, message, event } = broken
    await shop.refusal(() => shop.jobs.enqueue(job, 'x'), ['INVALID_ARGUMENT'], /broken\.job/)
    await shop.refusal(() => shop.push.publish({ all: true }, message, 'x'), ['INVALID_ARGUMENT'], /broken\.message/)
    await shop.refusal(() => shop.push.request('till-1', message, 'x', { timeoutMs: 500 }), ['INVALID_ARGUMENT'], /broken\.message/)
    await shop.refusal(() => shop.telemetry.emitAndWait(event, 'x', 'spooled'), ['INVALID_ARGUMENT'], /schema/)
    expect(() => shop.telemetry.emit(event, 'x')).not.toThrow()
  })

  test('when a blob is read as JSON', async () => {
    const { blobs } = shop
    await blobs.put('deep.json', '['.repeat(LEVELS) + ']'.repeat(LEVELS))
    await blobs.put('cut.json', '{"a":')
    await blobs.put('binary.json', Uint8Array.of(0xff, 0xfe, 0x00))
    await shop.refusal(async () => (await blobs.get('deep.json')).json(z.json()), ['INVALID_ARGUMENT'], /deep\.json/)
    await shop.refusal(async () => (await blobs.get('deep.json')).json(throwing), ['INVALID_ARGUMENT'], /deep\.json/)
    await shop.refusal(async () => (await blobs.get('cut.json')).json(), ['INVALID_ARGUMENT'], /cut\.json/)
    await shop.refusal(async () => (await blobs.get('binary.json')).json(), ['INVALID_ARGUMENT'], /binary\.json/)
    await shop.refusal(async () => (await blobs.get('binary.json')).text(), ['INVALID_ARGUMENT', 'INTEGRITY_FAILED'], /binary\.json/)
  })
})

const hostile = JSON.parse(
  '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true},"name":{"toString":1}},"toString":1,"a":{"__proto__":[1]},"text":"nul \\u0000 and \\ud800 alone"}',
) as { [name: string]: unknown }

test('__proto__, constructor, NUL and lone surrogates in a payload come back equal and change no object', async () => {
  const { jobs, push, telemetry, blobs } = shop
  const text = JSON.stringify(hostile)
  const job = defineJob('hostile.job', { input: z.unknown() })
  await jobs.enqueue(job, hostile)
  const seen: unknown[] = []
  const worker = jobs.work([handle(job, async (input) => void seen.push(input))])
  for (const end = Date.now() + 20_000; seen.length === 0 && Date.now() < end;) await after(10)
  await worker.close()
  expect(seen.map((input) => JSON.stringify(input))).toEqual([text])
  await push.publish({ device: 'till-3' }, anyMessage, hostile)
  await telemetry.emitAndWait(anyEvent, hostile, 'accepted', { id: 'hostile' })
  const rows = await telemetry.query({ type: anyEvent.name, limit: 100 })
  expect(rows.map(({ data }) => JSON.stringify(data))).toContain(text)
  await blobs.put('hostile.json', text)
  expect(JSON.stringify(await (await blobs.get('hostile.json')).json())).toBe(text)
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
})

describe('more than the engine takes', () => {
  test.each([
    ['a mebibyte', 'x'.repeat(1_048_576)],
    ['16 MiB', 'x'.repeat(16 * 1_048_576)],
    ['few characters, many bytes', '🧾'.repeat(300_000)],
  ])('%s', async (_, text) => {
    await shop.refusal(() => shop.jobs.enqueue(anyJob, text), ['TOO_LARGE'], /1048576.+blob/)
    await shop.refusal(() => shop.push.publish({ device: 'till-1' }, anyMessage, text), ['TOO_LARGE'], /the most is \d+.+blob/)
    await shop.refusal(() => shop.push.request('till-1', 'ask', text, { timeoutMs: 500 }), ['TOO_LARGE'], /the most is \d+/)
    await shop.refusal(() => shop.telemetry.emitAndWait(anyEvent, text, 'accepted'), ['TOO_LARGE'], /1024000/)
  })

  test('headers of a job', async () => {
    const long = { headers: { note: 'x'.repeat(17_000) } }
    await shop.refusal(() => shop.jobs.enqueue(anyJob, 'x', long), ['TOO_LARGE'], /headers are 17004 bytes/)
    const many = Object.fromEntries(Array.from({ length: 65 }, (__, at) => [`h${at}`, 'x']))
    await shop.refusal(() => shop.jobs.enqueue(anyJob, 'x', { headers: many }), ['INVALID_ARGUMENT'], /headers.+at most 64/)
  })
})

test.each([
  ['delayMs', Number.NaN],
  ['delayMs', -1],
  ['delayMs', '10'],
  ['delayMs', 10n],
  ['runAt', new Date(Number.NaN)],
  ['runAt', '2030-01-01'],
  ['priority', 1.5],
  ['priority', 101],
  ['key', ''],
  ['key', 'a\0b'],
  ['key', '\ud800'],
  ['key', 'k'.repeat(129)],
  ['dedupeKey', 'a\nb'],
  ['dedupeWindowMs', 5],
  ['headers', 'x'],
  ['timeoutMs', Number.NaN],
  ['timeoutMs', 0],
])('option %s of %p is refused by enqueue', async (option, value) => {
  const options = { [option]: value } as { readonly delayMs?: number }
  await shop.refusal(() => shop.jobs.enqueue(anyJob, 'x', options), ['INVALID_ARGUMENT'], new RegExp(`${option}.*: got .+; `))
})

test('what was set aside can be listed and replayed, and only what is whole goes back', async () => {
  const dead: DeadEvent[] = []
  for await (const letter of shop.telemetry.deadLetters.list()) dead.push(letter)
  expect(dead.length).toBeGreaterThan(0)
  for (const { reason } of dead) expect(reason).toMatch(/^(?:INVALID_ARGUMENT|TOO_LARGE|INTERNAL): /)
  shop.record.add(dead.map(({ reason }) => reason))
  expect(dead.every(({ whole, data }) => whole || data === null)).toBe(true)
  const replayed = await shop.telemetry.deadLetters.replay()
  expect(replayed).toBe(dead.filter(({ whole }) => whole).length)
})
