import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { connectAsync, type MqttClient } from 'mqtt'
import type { RunningEngine } from '../src/index.js'

/** An MQTT 5 session of the app's user. */
async function session<Result>(engine: RunningEngine, talk: (client: MqttClient) => Promise<Result>): Promise<Result> {
  const { hostname, port, username, password } = new URL(engine.url)
  const client = await connectAsync(`mqtt://${hostname}:${port}`, {
    protocolVersion: 5,
    username,
    password,
    reconnectPeriod: 0,
    connectTimeout: 20_000,
  })
  try {
    return await talk(client)
  } finally {
    await client.endAsync(true)
  }
}

/** Publishes a retained message with QoS 1. */
export async function putRetained(engine: RunningEngine, name: string): Promise<void> {
  await session(engine, (client) => client.publishAsync(`shop/${name}`, 'open', { qos: 1, retain: true }))
}

/** True when a new subscriber gets the retained message; a second topic's own message tells that nothing more comes. */
export async function hasRetained(engine: RunningEngine, name: string): Promise<boolean> {
  return session(engine, async (client) => {
    const topics: string[] = []
    client.on('message', (topic) => topics.push(topic))
    await client.subscribeAsync([`shop/${name}`, `end/${name}`], { qos: 1 })
    await client.publishAsync(`end/${name}`, 'end', { qos: 1 })
    while (!topics.includes(`end/${name}`)) await new Promise((resolve) => client.once('message', resolve))
    return topics.includes(`shop/${name}`)
  })
}

/** Mosquitto acknowledges before it saves: resolves once a save has begun after this call. */
export async function saved(engine: RunningEngine): Promise<void> {
  const file = join(engine.folder, 'data/mosquitto.db')
  const changedAt = (): Promise<number> =>
    stat(file).then(
      ({ mtimeMs }) => mtimeMs,
      () => 0,
    )
  const before = await changedAt()
  for (const deadline = Date.now() + 10_000; (await changedAt()) === before;) {
    if (Date.now() > deadline) throw new Error('the broker saved nothing for ten seconds')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
