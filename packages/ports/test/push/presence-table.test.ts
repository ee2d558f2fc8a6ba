import assert from 'node:assert/strict'
import { describe, test } from '@jest/globals'
import fc from 'fast-check'
import { type PresenceFact, PresenceTable } from '../../src/push/presence-table.js'

/** What a device's connections look like to an engine: each begins, most end, versions grow. */
const history = fc
  .array(
    fc.record({
      device: fc.constantFrom('a', 'b'),
      ends: fc.boolean(),
      at: fc.nat(),
      reason: fc.constantFrom('closed', 'lost', 'takenOver', 'revoked'),
    }),
    { maxLength: 12 },
  )
  .map((connections) =>
    connections.flatMap(({ device, ends, at, reason }, index): PresenceFact[] => {
      const version = index + 1
      const begin: PresenceFact = { device, version, state: 'online', at }
      return ends ? [begin, { device, version, state: 'offline', at, reason: reason as 'lost' }] : [begin]
    }),
  )

describe('P36 the presence table', () => {
  test('ends in the same state whatever the order and however often the facts come', () => {
    const shuffledTwice = history.chain((facts) =>
      fc.tuple(fc.constant(facts), fc.shuffledSubarray([...facts, ...facts], { minLength: 2 * facts.length, maxLength: 2 * facts.length })),
    )
    fc.assert(
      fc.property(shuffledTwice, ([facts, shuffled]) => {
        const inOrder = new PresenceTable()
        for (const fact of facts) inOrder.take(fact)
        const anyOrder = new PresenceTable()
        for (const fact of shuffled) anyOrder.take(fact)
        for (const device of ['a', 'b']) assert.deepEqual(anyOrder.get(device), inOrder.get(device))
      }),
      { numRuns: 500 },
    )
  })

  test('tells a change once, and never a repeat', () => {
    fc.assert(
      fc.property(history, (facts) => {
        const table = new PresenceTable()
        for (const fact of facts) {
          table.take(fact)
          assert.equal(table.take(fact), undefined)
        }
      }),
    )
  })

  test('P35 the late end of a connection that was taken over changes nothing', () => {
    const table = new PresenceTable()
    table.take({ device: 'a', version: 1, state: 'online', at: 1 })
    table.take({ device: 'a', version: 2, state: 'online', at: 2 })
    assert.equal(table.take({ device: 'a', version: 1, state: 'offline', at: 999, reason: 'takenOver' }), undefined)
    assert.equal(table.get('a')?.state, 'online')
  })
})
