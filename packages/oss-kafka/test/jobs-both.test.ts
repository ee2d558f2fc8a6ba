import { expect, test } from '@jest/globals'
import { type Lease, PortError } from '@pdvend/ports'
import type { JobEngine } from '../src/jobs/engine.js'
import { BothEngines } from '../src/jobs/share/both.js'
import type { ShareEngine } from '../src/jobs/share/engine.js'

const leaseOf = (id: string, priority: number): Lease => ({
  job: { id, name: 'work', payload: new Uint8Array(), dueAt: 0, enqueuedAt: 0, priority },
  ...{ token: `c.${id}`, attempt: 1, crashes: 0, expiresAt: 30_000 },
})

test('what the log has claimed is handed over although the share groups fail', async () => {
  const classic = { receive: async () => [leaseOf('low', -1), leaseOf('first', 0)] } as unknown as JobEngine
  const share = {
    warm: async () => true,
    receive: () => Promise.reject(new PortError('UNAVAILABLE')),
  } as unknown as ShareEngine
  const { signal } = new AbortController()
  const leases = await new BothEngines(classic, share).receive({ names: ['work'], max: 5, waitMs: 1_000, leaseMs: 30_000, signal })
  expect(leases.map(({ job }) => job.id)).toEqual(['first', 'low'])
})
