import { expect, test } from '@jest/globals'
import type { Clock } from '@pdvend/ports'
import type { KafkaClient } from '../src/client.js'
import { Cleaner } from '../src/jobs/classic/cleaner.js'
import type { Replica } from '../src/jobs/classic/replica.js'
import { QueueState } from '../src/jobs/classic/state.js'

/** A cleaner of a long log, what it deleted, and how its next look is brought about. */
function cleanerOf(replica: Partial<Replica>, deleteRecords: () => Promise<void>) {
  const state = new QueueState(0)
  state.position = 20_000
  const timers: (() => void)[] = []
  const clock: Clock = { now: () => 0, timer: (_, fire) => (timers.push(fire), { cancel: () => {} }) }
  const client = { admin: { offsets: async () => [{ partition: 0, offset: 0 }], deleteRecords } } as unknown as KafkaClient
  const appender = { append: () => [] }
  const whole = { topic: 't', state, closed: false, appender, catchUp: async () => {}, ...replica } as unknown as Replica
  const failures: unknown[] = []
  const failed = (topic: string, error: unknown): void => void failures.push([topic, error])
  const cleaner = new Cleaner(whole, { client, clock, payloads: async () => new Map(), failed })
  const look = async (): Promise<void> => {
    timers.shift()?.()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return { cleaner, failures, timers, look }
}

test('what a cleaner may not delete is told at each look, and tried again', async () => {
  const denied = new Error('denied')
  const { cleaner, failures, look } = cleanerOf({}, () => Promise.reject(denied))
  await look()
  await look()
  expect(failures).toEqual([
    ['t', denied],
    ['t', denied],
  ])
  cleaner.close()
})

test('a queue that was closed while it was still read has no cleaner: its state stands', async () => {
  let deletes = 0
  const { look, timers } = cleanerOf({ closed: true }, async () => void deletes++)
  await look()
  expect([deletes, timers.length]).toEqual([0, 0])
})
