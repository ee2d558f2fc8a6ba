// The bridge and a device, in a process of their own: what the benchmark measures is the app's side alone.
import mqtt from 'mqtt'
import { handler } from '@pdvend/aws-iot/authorizer'
import { startIotBridge } from '@pdvend/engines'

const context = { invokedFunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:pdvend' }
const bridge = await startIotBridge({
  authorizers: { pdvend: (event) => handler(event, context) },
  limits: { publishesPerSecond: 1_000_000 },
})
Object.assign(process.env, {
  PDVEND_PUSH_ENDPOINT: bridge.url,
  AWS_REGION: bridge.region,
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
})
process.on('message', async (connection) => {
  if (connection === 'stop') {
    await bridge.stop()
    process.exit(0)
  }
  const { urls, clientId, username, password, subscribe } = connection
  const client = await mqtt.connectAsync(urls[0], { clientId, username, password, protocolVersion: 5, reconnectPeriod: 0 })
  client.on('message', (_topic, payload) => process.send({ arrived: Number(payload.toString()) }))
  await client.subscribeAsync(subscribe, { qos: 1 })
  process.send({ subscribed: true })
})
process.send({ env: { ...bridge.env }, version: bridge.version })
