import assert from 'node:assert/strict'
import { describe, test } from '@jest/globals'
import { systemClock } from '../../src/clock.js'
import { silentLogger } from '../../src/log.js'
import type { PushDriver } from '../../src/push/driver.js'
import { Inbound } from '../../src/push/inbound.js'
import { Receipts } from '../../src/push/receipts.js'
import { Requests } from '../../src/push/requests.js'
import { encodeFrame } from '../../src/push/wire.js'

describe('what devices ask', () => {
  test('a device that asks again wants no former answer, and others keep theirs', async () => {
    const sent: { readonly device: string; readonly signal: AbortSignal; done(): void }[] = []
    // An engine at its rate: what is sent waits for its turn, and leaves when its caller has given it up.
    const send: PushDriver['send'] = (to, _bytes, { signal }) =>
      new Promise((resolve, reject) => {
        sent.push({ device: (to as { readonly device: string }).device, signal, done: resolve })
        signal.addEventListener('abort', () => reject(signal.reason as Error))
      })
    const driver = { send } as unknown as PushDriver
    const ended = new AbortController()
    const warnings: string[] = []
    const log = { ...silentLogger, warn: (_fields: object, message: string) => void warnings.push(message) }
    const inbound = new Inbound(driver, undefined, new Receipts(systemClock), new Requests(), systemClock, log, ended.signal)
    const ask = (device: string, sync: string): Promise<void> =>
      inbound.shared({ device, bytes: encodeFrame({ kind: 'sync', sync, cursors: {} }) })

    const first = ask('till-1', 'one')
    const other = ask('till-2', 'one')
    const second = ask('till-1', 'two')
    await first
    assert.deepEqual(
      sent.map(({ device, signal }) => `${device} ${signal.aborted ? 'given up' : 'waits'}`),
      ['till-1 given up', 'till-2 waits', 'till-1 waits'],
    )
    for (const { done } of sent) done()
    await Promise.all([other, second])
    assert.deepEqual(warnings, [])
  })
})
