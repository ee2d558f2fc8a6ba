import assert from 'node:assert/strict'
import { decodeEnvelope } from '@pdvend/ports'
import { numbers, openWorld, passing, range, type TelemetryCase } from './world.js'

const sizes = (sent: readonly (readonly unknown[])[]): readonly number[] => sent.map(({ length }) => length)

export const batchingCases: readonly TelemetryCase[] = [
  {
    id: 'T8',
    title: 'a batch leaves when it is full by count, and never holds more',
    engine: ['fakeClock'],
    async run(subject) {
      const { emit, sent, flush, stored, telemetry } = await openWorld(subject, { face: { batch: { maxEvents: 10, maxAgeMs: 3_600_000 } } })
      emit(0, 9)
      await subject.fakeClock.advance(1_000)
      assert.deepEqual(sizes(sent), [])
      emit(9, 25)
      await passing(
        subject,
        turnsUntil(() => telemetry.ledger().accepted === 20),
      )
      assert.deepEqual(sizes(sent), [10, 10])
      await flush()
      assert.deepEqual(sizes(sent), [10, 10, 5])
      assert.deepEqual(sent.flatMap(numbers), range(0, 25))
      assert.deepEqual(await stored(), range(0, 25))
    },
  },
  {
    id: 'T9',
    title: 'a batch leaves when it is full by bytes of UTF-8, and never holds more',
    engine: ['fakeClock'],
    async run(subject) {
      const maxBytes = 20_000
      const { telemetry, event, sent, flush, stored } = await openWorld(subject, { face: { batch: { maxBytes, maxAgeMs: 3_600_000 } } })
      // 1,000 characters, 4,000 bytes.
      for (let n = 0; n < 23; n++) telemetry.emit(event, { n, text: '😀'.repeat(n % 2 === 0 ? 500 : 1_000) })
      await passing(
        subject,
        turnsUntil(() => sent.length >= 3),
      )
      await flush()
      const bytes = sent.map((batch) => batch.reduce((sum, item) => sum + item.bytes.byteLength, 0))
      assert.ok(
        bytes.every((sum) => sum <= maxBytes),
        String(bytes),
      )
      assert.ok(
        bytes.slice(0, -1).every((sum) => sum > maxBytes - 4_500),
        String(bytes),
      )
      assert.deepEqual(await stored(), range(0, 23))
    },
  },
  {
    id: 'T10',
    title: 'a batch that is not full leaves when its first event has waited maxAgeMs',
    engine: ['fakeClock'],
    async run(subject) {
      const { emit, sent, telemetry } = await openWorld(subject, { face: { batch: { maxAgeMs: 2_000 } } })
      emit(0, 3)
      await subject.fakeClock.advance(1_500)
      emit(3, 5)
      await subject.fakeClock.advance(400)
      assert.deepEqual(sizes(sent), [])
      await subject.fakeClock.advance(100)
      await turnsUntil(() => telemetry.ledger().accepted === 5)
      assert.deepEqual(sizes(sent), [5])
      emit(5, 6)
      await subject.fakeClock.advance(1_999)
      assert.deepEqual(sizes(sent), [5])
      await subject.fakeClock.advance(1)
      await turnsUntil(() => telemetry.ledger().accepted === 6)
    },
  },
  {
    id: 'T11',
    title: 'an event exactly at the limit is sent; one byte more goes to the dead letters, and its neighbours are unaffected',
    async run(subject) {
      const { telemetry, event, flush, stored, driver } = await openWorld(subject)
      const { maxEventBytes } = driver.limits
      assert.ok(maxEventBytes <= 1_048_576, 'no transport takes more than 1 MiB an event')
      const options = (n: number) => ({ id: `${subject.run}-${n}`, at: new Date(1_700_000_000_000) })
      const probe = await openWorld(subject)
      probe.telemetry.emit(event, { n: 1, text: '' }, options(1))
      await probe.flush()
      const empty = probe.sent[0]![0]!.bytes.byteLength
      telemetry.emit(event, { n: 2, text: 'before' })
      telemetry.emit(event, { n: 3, text: 'x'.repeat(maxEventBytes - empty) }, options(3))
      telemetry.emit(event, { n: 4, text: 'x'.repeat(maxEventBytes - empty + 1) }, options(4))
      telemetry.emit(event, { n: 5, text: 'after' })
      await flush()
      assert.deepEqual(await stored().then((all) => all.filter((n) => n > 1)), [2, 3, 5])
      const dead: string[] = []
      for await (const { id, reason } of telemetry.deadLetters.list()) dead.push(`${id} ${reason}`)
      assert.equal(dead.length, 1)
      assert.match(dead[0]!, new RegExp(`^${subject.run}-4 TOO_LARGE: the event has ${maxEventBytes + 1} bytes`))
    },
  },
  {
    id: 'T12',
    title: 'no batch is beyond what the driver declares: one event more than the limit makes two batches, and options cannot raise it',
    async run(subject) {
      const { telemetry, event, sent, flush, stored, driver } = await openWorld(subject, {
        face: { batch: { maxEvents: 1_000_000, maxBytes: 1_000_000_000, concurrency: 1 } },
      })
      const { maxBatchEvents, maxBatchBytes, perEventBytes = 0, maxEventBytes } = driver.limits
      const many = Math.min(maxBatchEvents, 2_000) + 1
      for (let n = 0; n < many; n++) telemetry.emit(event, { n })
      await flush()
      const large = Math.min(Math.floor(maxEventBytes * 0.9), 900_000)
      const full = Math.ceil(maxBatchBytes / large) + 1
      for (let n = many; n < many + full; n++) telemetry.emit(event, { n, text: 'x'.repeat(large) })
      await flush()
      for (const batch of sent) {
        assert.ok(batch.length <= maxBatchEvents, `${batch.length} events`)
        assert.ok(batch.reduce((sum, { bytes }) => sum + bytes.byteLength + perEventBytes, 0) <= maxBatchBytes)
      }
      assert.ok(many <= maxBatchEvents || sent.length >= 4)
      assert.deepEqual(await stored(), range(0, many + full))
    },
  },
  {
    id: 'T13',
    title: 'any text comes back as it was: newlines, quotes, NUL, control characters, emoji, lone surrogates, 65,536 bytes',
    async run(subject) {
      const texts = [
        'a\nb\r\n',
        '"\\"',
        'nul \u0000 end',
        '\u2028\u2029\u007f\u001b',
        'ação 日本 😀',
        'lone \ud800 surrogate',
        '</script>',
        '%2F+=',
        'é'.repeat(32_768),
        '',
        '__proto__',
        '{"n":1}\n{"n":2}',
      ]
      const { telemetry, event, flush, rows } = await openWorld(subject)
      texts.forEach((text, n) => telemetry.emit(event, { n, text }, { key: 'chave ção' }))
      assert.equal((await flush()).accepted, texts.length)
      const stored = new Map((await rows()).map((row) => [(row.data as { n: number }).n, row]))
      texts.forEach((text, n) => {
        assert.equal((stored.get(n)!.data as { text: string }).text, text)
        assert.equal(stored.get(n)!.key, 'chave ção')
      })
    },
  },
  {
    id: 'T63',
    title: 'a flush at the end of each short run sends everything, and nothing twice after a long freeze',
    engine: ['fakeClock'],
    async run(subject) {
      const { emit, flush, sent, stored } = await openWorld(subject)
      for (let run = 0; run < 3; run++) {
        emit(run * 10, run * 10 + 10)
        assert.equal((await flush()).pending, 0)
        subject.fakeClock.set(subject.fakeClock.now() + 3_600_000)
        await subject.fakeClock.advance(10_000)
      }
      assert.equal(sent.flat().length, 30)
      assert.equal(new Set(sent.flat().map(({ bytes }) => decodeEnvelope(bytes).id)).size, 30)
      assert.deepEqual(await stored(), range(0, 30))
    },
  },
]

async function turnsUntil(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}
