import { expect, test } from '@jest/globals'
import { type Clock, defineJob, encodeEnvelope, handle, PortError, silentLogger } from '../../src/index.js'
import { Calls } from '../../src/calls.js'
import { Attempt, type AttemptDeps } from '../../src/jobs/attempt.js'

const any = { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } } as const

test('a handler that has ended is not told as left behind when its lease is lost after that', async () => {
  const timers = new Set<() => void>()
  const clock: Clock = { now: () => 0, timer: (_, fire) => (timers.add(fire), { cancel: () => timers.delete(fire) }) }
  const told: string[] = []
  const log = { ...silentLogger, error: (_: object, text: string) => void told.push(text) }
  const job = defineJob('a.b', { input: any })
  const payload = encodeEnvelope({ type: 'a.b', data: {} })
  const attempt = new Attempt(
    {
      job: { id: 'i', name: 'a.b', payload, dueAt: 0, enqueuedAt: 0, priority: 0 },
      ...{ token: 't', attempt: 1, crashes: 0, expiresAt: 1 },
    },
    handle(job, async () => {}),
    { calls: new Calls('jobs', { clock, log }) } as unknown as AttemptDeps,
  )
  expect(await attempt.run()).toEqual({ kind: 'done' })
  attempt.onLost(new PortError('LEASE_LOST'))
  for (const fire of timers) fire()
  expect(told).toEqual([])
})
