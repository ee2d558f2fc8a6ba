import assert from 'node:assert/strict'
import { decodeEnvelope } from '@pdvend/ports'
import { openWorld, type TelemetryCase } from './world.js'

export const timeCases: readonly TelemetryCase[] = [
  {
    id: 'T39',
    title: 'the clock jumps back an hour: ids stay unique and sortable, and the time of each event is kept',
    engine: ['fakeClock'],
    async run(subject) {
      const { emit, telemetry, event, sent, flush, rows } = await openWorld(subject)
      const start = subject.clock.now()
      emit(0, 50)
      subject.fakeClock.set(start - 3_600_000)
      emit(50, 100)
      telemetry.emit(event, { n: 100 }, { at: new Date(start - 86_400_000) })
      await flush()
      const events = sent.flat()
      const ids = events.filter(({ at }) => at !== start - 86_400_000).map(({ id }) => id)
      assert.equal(new Set(ids).size, 100)
      const inOrder = new Map(events.map(({ id, bytes }) => [(decodeEnvelope(bytes).data as { n: number }).n, id]))
      const first = [...Array(100).keys()].map((n) => inOrder.get(n)!)
      assert.deepEqual([...first].sort(), first)
      const at = new Map((await rows()).map((row) => [(row.data as { n: number }).n, row.at.getTime()]))
      assert.deepEqual([at.get(0), at.get(60), at.get(100)], [start, start - 3_600_000, start - 86_400_000])
    },
  },
  {
    id: 'T40',
    title: 'an event two days ahead, or long ago, is stored with its own time',
    async run(subject) {
      const times = [Date.now() + 2 * 86_400_000, 0, Date.UTC(1999, 11, 31, 23, 59, 59, 999), Date.UTC(9999, 11, 31)]
      const { telemetry, event, flush, rows } = await openWorld(subject)
      times.forEach((at, n) => telemetry.emit(event, { n }, { at: new Date(at) }))
      assert.equal((await flush()).accepted, times.length)
      const stored = new Map((await rows()).map((row) => [(row.data as { n: number }).n, row.at.getTime()]))
      times.forEach((at, n) => assert.equal(stored.get(n), at))
    },
  },
  {
    id: 'T41',
    title: 'daylight saving and time zones shift nothing',
    async run(subject) {
      const zone = process.env.TZ
      const { telemetry, event, flush, rows } = await openWorld(subject)
      // São Paulo's last change of 2018-11-04 skipped 00:00 to 01:00; New York's of 2026-11-01 has 01:30 twice.
      const times = ['2018-11-04T02:59:59.999Z', '2018-11-04T03:00:00.000Z', '2026-11-01T05:30:00.000Z', '2026-11-01T06:30:00.000Z']
      try {
        for (const [n, at] of times.entries()) {
          process.env.TZ = n < 2 ? 'America/Sao_Paulo' : 'America/New_York'
          telemetry.emit(event, { n }, { at: new Date(at) })
        }
        await flush()
        process.env.TZ = 'Asia/Tokyo'
        const stored = new Map((await rows()).map((row) => [(row.data as { n: number }).n, row.at.toISOString()]))
        times.forEach((at, n) => assert.equal(stored.get(n), at))
      } finally {
        if (zone === undefined) delete process.env.TZ
        else process.env.TZ = zone
      }
    },
  },
]
