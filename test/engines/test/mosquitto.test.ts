import assert from 'node:assert/strict'
import { test } from '@jest/globals'
import { connectAsync } from 'mqtt'
import { startEngine, whyMissing } from '../src/index.js'
import { describeEngine } from './lifecycle.js'
import { hasRetained, putRetained, saved } from './mqtt-conversation.js'

await describeEngine({
  name: 'mosquitto',
  async put(engine, name) {
    await putRetained(engine, name)
    await saved(engine)
  },
  has: hasRetained,
})

const reason = await whyMissing('mosquitto', { named: false })
const testHere = reason === undefined ? test : test.skip

testHere('mosquitto refuses who has no password, and lets a browser in by WebSocket', async () => {
  const engine = await startEngine('mosquitto', { named: false })
  try {
    await assert.rejects(connectAsync(engine.env['PDVEND_PUSH_URL']!, { protocolVersion: 5, reconnectPeriod: 0 }), /Not authorized/i)
    const credentials = { username: engine.env['PDVEND_PUSH_USERNAME']!, password: engine.env['PDVEND_PUSH_PASSWORD']! }
    const browser = await connectAsync(engine.env['PDVEND_PUSH_WEBSOCKET_URL']!, { ...credentials, protocolVersion: 5, reconnectPeriod: 0 })
    await browser.endAsync()
  } finally {
    await engine.stop()
  }
})
