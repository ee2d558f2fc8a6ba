import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import type { Engine } from '@pdvend/contract'
import { handler } from '@pdvend/aws-iot/authorizer'
import { type IotBridge, type IotBridgeOptions, type RunningEngine, startEngine, startIotBridge, whyMissing } from '@pdvend/engines'

const SECRET = 'the secret of the tests, of more than 32 bytes'
/** AWS waits longer than tests can: a keep-alive of 30 seconds at least. */
const HASTY = { leastKeepAliveSeconds: 1 } as const

export async function whyNoBridge(): Promise<string | undefined> {
  return (await whyMissing('mosquitto', { named: false })) ?? (await whyMissing('postgres', { named: false }))
}

/** What {@link bridgeEngine} can do, to name the cases before it runs. */
export const abilities: Engine = {
  name: 'IoT bridge',
  env: {},
  module: pathToFileURL(createRequire(import.meta.url).resolve('@pdvend/aws-iot')).href,
  kill: async () => {},
  restart: async () => {},
  wipe: async () => {},
  pause: async () => async () => {},
}

export interface BridgeEngine extends Engine {
  readonly bridge: IotBridge
  readonly database: RunningEngine
}

/** The bridge, with the authorizer that this package ships as its Lambda function, and the journal's database. */
export async function bridgeEngine(
  options: IotBridgeOptions = { limits: HASTY },
  settings: Readonly<Record<string, string>> = {},
): Promise<BridgeEngine> {
  const context = { invokedFunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:pdvend' }
  const [bridge, database] = await Promise.all([
    startIotBridge({ authorizers: { pdvend: (event) => handler(event, context) }, ...options }),
    startEngine('postgres', { named: false }),
  ])
  const env = { ...bridge.env, ...database.env, PDVEND_PUSH_JWT_SECRET: SECRET, ...settings }
  // The function's own environment, as an operator sets it.
  Object.assign(process.env, {
    PDVEND_PUSH_JWT_SECRET: SECRET,
    PDVEND_PUSH_ENDPOINT: bridge.url,
    AWS_REGION: bridge.region,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  })
  return {
    ...bridge,
    ...abilities,
    name: bridge.name,
    ...(bridge.version !== undefined && { version: bridge.version }),
    env,
    bridge,
    database,
    kill: () => bridge.kill(),
    restart: () => bridge.restart(),
    wipe: () => bridge.wipe(),
    pause: () => bridge.pause(),
    async stop() {
      await Promise.all([bridge.stop(), database.stop!()])
    },
  }
}
