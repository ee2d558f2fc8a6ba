import assert from 'node:assert/strict'
import { test } from '@jest/globals'
import { apisOf } from '../src/engines/kafka-wire.js'
import { startEngine, whyMissing } from '../src/index.js'
import { hasRecord, putRecord } from './kafka-conversation.js'
import { describeEngine } from './lifecycle.js'

await describeEngine({ name: 'kafka', put: putRecord, has: hasRecord })

const shareGroupHeartbeat = 76
for (const [version, shares] of [
  ['4.4.0', true],
  ['4.2.2', true],
  ['3.9.2', false],
] as const) {
  const reason = await whyMissing('kafka', { version, named: false })
  const name = `kafka ${version} starts, and ${shares ? 'speaks' : 'lacks'} the protocol of share groups`
  if (reason !== undefined) test.skip(`${name} (${reason})`, () => {})
  else
    test(
      name,
      async () => {
        const engine = await startEngine('kafka', { version, named: false })
        try {
          assert.equal((await apisOf(Number(engine.url.split(':')[1]))).has(shareGroupHeartbeat), shares)
          await putRecord(engine, 'sales')
          assert.equal(await hasRecord(engine, 'sales'), true)
        } finally {
          await engine.stop()
        }
      },
      120_000,
    )
}
