import { describe, expect, test } from '@jest/globals'
import { type Day, runDay } from './parity/day.js'
import { homes } from './parity/homes.js'

const DAY_MS = 240_000

/** The day on the embedded engines: what every other home is held against. */
let reference: Promise<Day> | undefined
const embedded = (): Promise<Day> => (reference ??= dayAt('local'))

async function dayAt(name: string): Promise<Day> {
  await using home = await homes[name]!.open()
  return await runDay(home)
}

const others = await Promise.all(
  Object.keys(homes)
    .filter((name) => name !== 'local')
    .map(async (name) => [name, await homes[name]!.missing()] as const),
)

describe('one day of the shop', () => {
  test(
    'on local: what must be true of it anywhere',
    async () => {
      const day = await embedded()
      expect(day.refusals).toEqual({
        'create what is there': 'PRECONDITION_FAILED',
        'replace an old one': 'PRECONDITION_FAILED',
        'read what is not there': 'NOT_FOUND',
        'read past the end': 'RANGE_NOT_SATISFIABLE',
        'read the unchanged': 'PRECONDITION_FAILED',
        'copy what is not there': 'NOT_FOUND',
        'a key that climbs': 'INVALID_ARGUMENT',
        'a job that is invalid': 'INVALID_ARGUMENT',
        'a hostile device': 'INVALID_ARGUMENT',
      })
      expect(day.signed).toMatchObject({ posted: true, tooLarge: false, forged: false })
      for (const moves of Object.values(day.stock)) expect(moves).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
      for (const { prices } of Object.values(day.tills)) expect(prices.map((price) => Number(price.split(' ').at(-1)))).toEqual(oneTo(15))
      const receipts = Object.values(day.tills).flatMap((till) => till.receipts)
      expect(receipts).toHaveLength(28)
      expect(new Set(receipts).size).toBe(28)
      expect(day.shown).toHaveLength(28)
      expect(day.queue).toEqual({ ready: 0, delayed: 0, inFlight: 0, dead: 6 })
      expect(day.events.filter((event) => 'at' in event)).toHaveLength(30)
      expect(day.ledger).toMatchObject({ dead: 0, dropped: 0, pending: 0 })
    },
    DAY_MS,
  )

  for (const [name, reason] of others) {
    const title = `${name}: the same files, receipts, pushes, dead letters and events as on local`
    if (reason === undefined) test(title, async () => expect(await dayAt(name)).toEqual(await embedded()), 2 * DAY_MS)
    else test.skip(`${title} (skipped: ${reason})`, () => {})
  }
})

function oneTo(last: number): readonly number[] {
  return Array.from({ length: last }, (_, index) => index + 1)
}
