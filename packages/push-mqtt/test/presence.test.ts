import { describe, expect, test } from '@jest/globals'
import { type PresenceFact, silentLogger, systemClock } from '@pdvend/ports'
import { type Announcement, ConnectionVersions, decodeAnnouncement, decodeDown, encodeAnnouncement, lastVersion } from '@pdvend/ports/wire'
import fc from 'fast-check'
import { PresenceBook } from '../src/presence.js'

const bytes = (announcement: Announcement): Uint8Array => new TextEncoder().encode(encodeAnnouncement(announcement))

function book(judge?: (device: string) => Promise<boolean | undefined>) {
  const facts: PresenceFact[] = []
  const told: string[] = []
  const declared: string[] = []
  const presence = new PresenceBook({
    clock: systemClock,
    log: silentLogger,
    declare: async (device, text) => void declared.push(`${device} ${text}`),
    ...(judge && { judge }),
    tell: async (device, frame) => {
      const decoded = decodeDown(frame)
      told.push(`${device} ${decoded.kind} ${decoded.kind === 'takenOver' ? decoded.client : ''}`)
    },
  })
  presence.watch((fact) => facts.push(fact))
  return { presence, facts, told, declared }
}

function said(state: 'online' | 'offline', version: number, client: string, reason?: Announcement['reason']): Announcement {
  return { state, version, at: version, client, username: `user-${client}`, ...(reason && { reason }) }
}

describe('who is there', () => {
  test('every order and repetition of what one device says ends in the same state', () => {
    const history = [
      said('online', 1_001, 'a'),
      said('offline', 1_999, 'a', 'lost'),
      said('online', 2_001, 'b'),
      said('online', 2_002, 'b'),
      said('offline', 2_999, 'b', 'closed'),
      said('online', 3_001, 'c'),
    ]
    fc.assert(
      fc.property(fc.shuffledSubarray([...history, ...history], { minLength: 6 }), (order) => {
        const { presence } = book()
        for (const one of [...order, history[5]!]) presence.take('till-1', bytes(one), false)
        expect(presence.presence('till-1').state).toBe('online')
        presence.close()
      }),
    )
  })

  test('a will of a connection that was taken over changes nothing', () => {
    const { presence, facts } = book()
    presence.take('till-1', bytes(said('online', 1_001, 'a')), false)
    presence.take('till-1', bytes(said('online', 2_001, 'b')), false)
    presence.take('till-1', bytes(said('offline', 1_999, 'a', 'lost')), false)
    expect(presence.presence('till-1').state).toBe('online')
    expect(facts.map(({ version }) => version)).toEqual([1_001, 2_001])
    presence.close()
  })

  test('a client that is hidden by the end of one that it took over connects anew, and is seen', () => {
    const { presence, told } = book()
    const [began, end] = [said('online', 1_001, 'b'), said('offline', 2_999, 'a', 'takenOver')]
    presence.take('till-1', bytes(said('online', 2_001, 'a')), false)
    for (const one of [end, began, began]) presence.take('till-1', bytes(one), false)
    expect(told).toEqual(['till-1 renew '])
    presence.take('till-1', bytes(said('online', 3_001, 'b')), false)
    expect(presence.presence('till-1').state).toBe('online')
    for (const one of [began, end]) presence.take('till-2', bytes(one), false)
    expect(told).toEqual(['till-1 renew ', 'till-2 renew '])
    presence.close()
  })

  test('a client that was taken over is told when it comes back, and its successor is not', () => {
    const { presence, told } = book()
    presence.take('till-1', bytes(said('online', 1_001, 'a')), false)
    presence.take('till-1', bytes(said('online', 2_001, 'b')), false)
    presence.take('till-1', bytes(said('online', 3_001, 'a')), false)
    presence.take('till-1', bytes(said('online', 4_001, 'b')), false)
    expect(told).toEqual(['till-1 takenOver a'])
    presence.take('till-1', bytes(said('offline', 4_999, 'b', 'closed')), false)
    presence.take('till-1', bytes(said('online', 5_001, 'a')), false)
    expect(told).toEqual(['till-1 takenOver a'])
    expect(presence.takeOvers).toBe(1)
    presence.close()
  })

  test('whoever was cut off is written off for all, by the credentials that it used', () => {
    const { presence, declared } = book()
    presence.take('till-1', bytes(said('online', 1_001, 'a')), false)
    presence.cutOff('till-1', 'user-other', 'expired')
    expect(presence.presence('till-1').state).toBe('online')
    presence.cutOff('till-1', 'user-a', 'expired')
    expect(presence.presence('till-1')).toMatchObject({ state: 'offline', reason: 'expired' })
    expect(declared).toHaveLength(1)
    presence.close()
  })

  test('a doubt is decided by the broker where it tells, and else by the device', async () => {
    const answers = new Map<string, boolean | undefined>([
      ['there', true],
      ['gone', false],
    ])
    const { presence, told, declared } = book(async (device) => answers.get(device))
    for (const device of ['there', 'gone', 'asked']) presence.take(device, bytes(said('online', 1_001, 'a')), false)
    for (const device of ['there', 'gone', 'asked', 'nobody']) presence.doubt(device, 'closed')
    await new Promise((resolve) => setImmediate(resolve))
    expect(['there', 'gone', 'asked'].map((device) => presence.presence(device).state)).toEqual(['online', 'offline', 'online'])
    expect(presence.presence('gone').reason).toBe('closed')
    expect(told).toEqual(['asked rollCall '])
    expect(declared).toHaveLength(1)
    presence.close()
  })

  test('a doubt that is decided late changes nothing of a device that has come back', async () => {
    let decide = (_connected: boolean): void => {}
    const { presence } = book(() => new Promise((resolve) => (decide = resolve)))
    presence.take('till-1', bytes(said('online', 1_001, 'a')), false)
    presence.doubt('till-1')
    presence.take('till-1', bytes(said('online', 2_001, 'a')), false)
    decide(false)
    await new Promise((resolve) => setImmediate(resolve))
    expect(presence.presence('till-1').state).toBe('online')
    presence.close()
  })

  test('what is no announcement is passed over', () => {
    const { presence, facts } = book()
    const bad = [
      '',
      '{}',
      'null',
      '[]',
      '{"state":"online"}',
      '{"state":"online","version":-1,"at":0,"client":"a","username":"b"}',
      'x'.repeat(5_000),
    ]
    for (const text of bad) presence.take('till-1', new TextEncoder().encode(text), false)
    expect(facts).toEqual([])
    fc.assert(fc.property(fc.uint8Array(), (some) => void decodeAnnouncement(some)))
    presence.close()
  })

  test('a connection’s versions lie between those of the one before and the one after', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 4e12 }), fc.integer({ min: 0, max: 1_500 })), { minLength: 2, maxLength: 6 }),
        (connections) => {
          const versions = new ConnectionVersions()
          let before = -1
          for (const [now, times] of connections) {
            versions.begin(now)
            for (let n = 0; n < times; n++) expect(versions.next()).toBeGreaterThan(before)
            expect(versions.last).toBe(lastVersion(versions.next()))
            expect(versions.next()).toBeLessThan(versions.last)
            before = versions.last
          }
        },
      ),
      { numRuns: 20 },
    )
  })
})
