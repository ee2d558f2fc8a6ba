import { expect, test } from '@jest/globals'
import type { Clock } from '@pdvend/ports'
import { Stats, type StatsDeps } from '../src/stats.js'
import { within } from './open.js'

test('the oldest age does not grow for ever by a job that others have done meanwhile', async () => {
  let now = 1_000_000
  let looks = 0
  const clock: Clock = { now: () => now, timer: () => ({ cancel: () => {} }) }
  const queue = {
    depth: async () => ({ visible: 3, delayed: 0, hidden: 0 }),
    receive: async () => [{ messageId: String(++looks) }],
  }
  const deps = {
    queues: { find: async (name: string) => (name === 'p-work' ? queue : undefined) },
    notes: {},
    dead: { count: async () => 0 },
    deliveries: { read: async () => ({ attempt: 1, crashes: 0, job: { dueAt: now - 2_000 } }), noteAndShow: async () => {} },
    clock,
    prefix: 'p-',
  }
  const stats = new Stats(deps as unknown as StatsDeps)
  const ageMs = async (): Promise<number> => (await stats.of(['work'], within(5_000))).oldestAgeMs
  stats.sent('work', now)
  now += 5_000
  expect([await ageMs(), looks]).toEqual([5_000, 0])
  now += 3_600_000
  stats.sent('work', now)
  expect([await ageMs(), looks]).toEqual([2_000, 1])
  now += 1_000
  stats.seen('work', now - 500)
  expect([await ageMs(), looks]).toEqual([500, 1])
})

test('a look at one line of a job does not hide how old the other is', async () => {
  const now = 10_000_000
  const clock: Clock = { now: () => now, timer: () => ({ cancel: () => {} }) }
  const queueOf = (name: string) => ({
    name,
    depth: async () => ({ visible: 1, delayed: 0, hidden: 0 }),
    receive: async () => [{ messageId: name }],
  })
  const dueAt: Readonly<Record<string, number>> = { 'p-work': now - 3_600_000, 'p-work.fifo': now - 1_000 }
  const deps = {
    queues: { find: async (name: string) => (name in dueAt ? queueOf(name) : undefined) },
    notes: {},
    dead: { count: async () => 0 },
    deliveries: {
      read: async ({ name }: { name: string }) => ({ attempt: 1, crashes: 0, job: { dueAt: dueAt[name] } }),
      noteAndShow: async () => {},
    },
    clock,
    prefix: 'p-',
  }
  const stats = new Stats(deps as unknown as StatsDeps)
  const ageMs = async (): Promise<number> => (await stats.of(['work'], within(5_000))).oldestAgeMs
  expect([await ageMs(), await ageMs()]).toEqual([3_600_000, 3_600_000])
})
