import { describe, expect, test } from '@jest/globals'
import { type DriverJob, PortError, systemClock } from '@pdvend/ports'
import type { PayloadStore } from '../src/bucket/types.js'
import { Sender, type SenderDeps } from '../src/sender.js'
import { within } from './open.js'

const DAY_MS = 86_400_000

/** A sender whose batches fare as `sendBatch` says. */
function senderOf(sendBatch: (count: number) => readonly (Error | undefined)[], payloads: Partial<PayloadStore> = {}): Sender {
  const queue = { sendBatch: async (messages: readonly unknown[]) => sendBatch(messages.length) }
  const deps = { queues: { get: async () => queue }, payloads, claims: {}, clock: systemClock, prefix: 'p-', offloadBytes: 1_000 }
  return new Sender(deps as unknown as SenderDeps)
}

const jobOf = (id: string, more: Partial<DriverJob> = {}): DriverJob => ({
  ...{ id, name: 'work', payload: Buffer.from('{}'), dueAt: 0, enqueuedAt: 0, priority: 0 },
  ...more,
})

describe('what failed of a batch', () => {
  test('is told of each job by its own error, where none is in and they failed in different ways', async () => {
    const throttled = new PortError('RATE_LIMITED', { outcome: 'not-applied' })
    const lost = new PortError('UNAVAILABLE', { outcome: 'unknown' })
    const tooLate = jobOf('a', { key: 'k', dueAt: Date.now() + 13 * DAY_MS })
    const outcomes = await senderOf(() => [throttled, lost]).enqueue([tooLate, jobOf('b'), jobOf('c')], within(5_000))
    expect(outcomes).toEqual([{ error: expect.objectContaining({ code: 'INVALID_ARGUMENT' }) }, { error: throttled }, { error: lost }])
  })

  test('is thrown where one error says it all', async () => {
    const sender = senderOf((count) => Array.from({ length: count }, () => new PortError('UNAVAILABLE', { outcome: 'unknown' })))
    await expect(sender.enqueue([jobOf('a'), jobOf('b')], within(5_000))).rejects.toMatchObject({ code: 'UNAVAILABLE', outcome: 'unknown' })
  })

  test('was surely not sent, where its payload could not be stored', async () => {
    const put = () => Promise.reject(new PortError('UNAVAILABLE', { outcome: 'unknown' }))
    const large = jobOf('a', { payload: Buffer.alloc(2_000, 'x') })
    await expect(senderOf(() => [], { put }).enqueue([large], within(5_000))).rejects.toMatchObject({ outcome: 'not-applied' })
  })
})
