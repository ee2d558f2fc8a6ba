import { createHash, createHmac } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  DeleteConnectionCommand,
  GetConnectionCommand,
  GetRetainedMessageCommand,
  IoTDataPlaneClient,
  ListRetainedMessagesCommand,
  ListSubscriptionsCommand,
  PublishCommand,
  SendDirectMessageCommand,
} from '@aws-sdk/client-iot-data-plane'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt'
import { type AuthorizerEvent, type IotAuthorizer, type IotBridge, startAwsProxy, startIotBridge, whyMissing } from '../src/index.js'

const missing = await whyMissing('mosquitto', { named: false })
const suite = missing === undefined ? describe : describe.skip
const reason = missing === undefined ? '' : ` (skipped: ${missing})`

const arn = (resource: string): string => `arn:aws:iot:us-east-1:123456789012:${resource}`
/** Lets in `till-1` by the password `secret-till-1`, to its own topics. */
const asked: AuthorizerEvent[] = []
const answers = { disconnectAfterInSeconds: 3_600, refreshAfterInSeconds: 300, revoked: new Set<string>() }
const own: IotAuthorizer = async (event) => {
  asked.push(event)
  const { clientId, password = '' } = event.protocolData.mqtt
  const known = Buffer.from(password, 'base64').toString() === `secret-${clientId}` && !answers.revoked.has(clientId)
  const allow = (Action: string | string[], ...resources: string[]) => ({ Effect: 'Allow' as const, Action, Resource: resources.map(arn) })
  const Statement = [
    allow('iot:Connect', 'client/${iot:ClientId}'),
    allow(['iot:Publish', 'iot:RetainPublish'], 'topic/shop/up/${iot:ClientId}/*'),
    allow('iot:Subscribe', 'topicfilter/shop/d/${iot:ClientId}', 'topicfilter/shop/all', 'topicfilter/shop/all/?'),
    allow('iot:Receive', 'topic/shop/d/${iot:ClientId}', 'topic/shop/all', 'topic/shop/all/*'),
  ]
  const { disconnectAfterInSeconds, refreshAfterInSeconds } = answers
  return {
    isAuthenticated: known,
    principalId: clientId.replace(/\W/g, ''),
    policyDocuments: [{ Version: '2012-10-17', Statement }],
    disconnectAfterInSeconds,
    refreshAfterInSeconds,
  }
}

const sha = (text: string): string => createHash('sha256').update(text).digest('hex')
const mac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/** A WebSocket address signed as AWS IoT wants it: the session token is put on after. */
function signedUrl(webSocketUrl: string, accessKey: string, secret: string, sessionToken?: string): string {
  const { host, pathname } = new URL(webSocketUrl)
  const at = new Date().toISOString().replace(/[-:]|\.\d+/g, '')
  const scope = `${at.slice(0, 8)}/us-east-1/iotdevicegateway/aws4_request`
  const query = [
    'X-Amz-Algorithm=AWS4-HMAC-SHA256',
    `X-Amz-Credential=${encodeURIComponent(`${accessKey}/${scope}`)}`,
    `X-Amz-Date=${at}`,
    'X-Amz-Expires=300',
    'X-Amz-SignedHeaders=host',
  ].join('&')
  const canonical = ['GET', pathname, query, `host:${host}`, '', 'host', sha('')].join('\n')
  const key = scope.split('/').reduce<string | Buffer>((parent, part) => mac(parent, part), `AWS4${secret}`)
  const signature = mac(key, ['AWS4-HMAC-SHA256', at, scope, sha(canonical)].join('\n')).toString('hex')
  const token = sessionToken === undefined ? '' : `&X-Amz-Security-Token=${encodeURIComponent(sessionToken)}`
  return `${webSocketUrl}?${query}&X-Amz-Signature=${signature}${token}`
}

interface Heard {
  readonly topic: string
  readonly text: string
  readonly retain: boolean
}

suite(`the bridge that stands for AWS IoT Core${reason}`, () => {
  let bridge: IotBridge
  let iot: IoTDataPlaneClient
  const open = new Set<MqttClient>()
  const connect = async (url: string, options: IClientOptions) => {
    const client = await connectAsync(url, { reconnectPeriod: 0, protocolVersion: 5, connectTimeout: 5_000, ...options })
    client.on('error', () => {})
    open.add(client)
    const heard: Heard[] = []
    client.on('message', (topic, payload, { retain }) => void heard.push({ topic, text: payload.toString(), retain }))
    return { client, heard }
  }
  const device = (clientId: string, options: IClientOptions = {}) =>
    connect(bridge.tcpUrl, { clientId, username: 'till?x-amz-customauthorizer-name=own', password: `secret-${clientId}`, ...options })
  const app = (clientId: string, options: IClientOptions = {}) =>
    connect(signedUrl(bridge.webSocketUrl, 'test', 'test'), { clientId, ...options })
  const until = async (condition: () => boolean, what: string): Promise<void> => {
    for (const deadline = Date.now() + 5_000; !condition(); await sleep(10))
      if (Date.now() > deadline) throw new Error(`in vain: ${what}\n${await bridge.log()}`)
  }
  const gone = (client: MqttClient) =>
    new Promise<number | undefined>((resolve) => {
      let code: number | undefined
      client.on('disconnect', ({ reasonCode }) => (code = reasonCode))
      client.once('close', () => resolve(code))
    })

  beforeAll(async () => {
    bridge = await startIotBridge({ authorizers: { own }, limits: { leastAuthorizerSeconds: 1, leastKeepAliveSeconds: 1 } })
    iot = new IoTDataPlaneClient({
      endpoint: bridge.url,
      region: 'us-east-1',
      maxAttempts: 1,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    })
  }, 120_000)
  afterEach(async () => {
    bridge.disturb({})
    Object.assign(answers, { disconnectAfterInSeconds: 3_600, refreshAfterInSeconds: 300 })
    answers.revoked.clear()
    for (const client of open) await client.endAsync(true)
    open.clear()
  })
  afterAll(async () => {
    iot?.destroy()
    await bridge?.stop()
  }, 60_000)

  test('a publish by REST reaches a device that a custom authorizer let in, and what it sends one of the apps', async () => {
    const till = await device('till-1')
    await till.client.subscribeAsync('shop/d/till-1', { qos: 1 })
    const apps = [await app('app-1'), await app('app-2')]
    for (const { client } of apps) await client.subscribeAsync('$share/apps/shop/up/+/app', { qos: 1 })
    await iot.send(new PublishCommand({ topic: 'shop/d/till-1', qos: 1, payload: Buffer.from('olá'), contentType: 'text/plain' }))
    await until(() => till.heard.length === 1, 'the device hears')
    expect(till.heard).toEqual([{ topic: 'shop/d/till-1', text: 'olá', retain: false }])
    for (let n = 0; n < 10; n++) await till.client.publishAsync('shop/up/till-1/app', String(n), { qos: 1 })
    await until(() => apps.flatMap(({ heard }) => heard).length === 10, 'the apps hear')
    expect(apps.flatMap(({ heard }) => heard.map(({ text }) => text)).sort()).toEqual([...'0123456789'])
    expect(apps.every(({ heard }) => heard.length > 0)).toBe(true)
    expect(asked.at(-1)!.protocolData.mqtt).toEqual({
      username: 'till?x-amz-customauthorizer-name=own',
      password: Buffer.from('secret-till-1').toString('base64'),
      clientId: 'till-1',
    })
  })
})
