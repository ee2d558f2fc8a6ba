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
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
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
    allow('iot:Subscribe', 'topicfilter/shop/d/${iot:ClientId}', 'topicfilter/shop/all', 'topicfilter/shop/news'),
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

/** Of one client alone: of its own coming a subscriber may hear too, if the event is late. */
const presenceOf = (clientId: string): string[] => ['connected', 'disconnected'].map((type) => `$aws/events/presence/${type}/${clientId}`)

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
    const client = mqtt.connect(url, { reconnectPeriod: 0, protocolVersion: 5, connectTimeout: 5_000, ...options })
    open.add(client)
    const heard: Heard[] = []
    // What a session kept comes at once.
    client.on('message', (topic, payload, { retain }) => void heard.push({ topic, text: payload.toString(), retain }))
    await new Promise<void>((resolve, reject) => {
      client.once('connect', () => resolve())
      client.on('error', reject)
      client.once('close', () => reject(new Error('closed before CONNACK')))
    })
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
    expect(apps.flatMap(({ heard }) => heard.map(({ text }) => text)).sort()).toEqual('0123456789'.split(''))
    expect(apps.every(({ heard }) => heard.length > 0)).toBe(true)
    expect(asked.at(-1)!.protocolData.mqtt).toEqual({
      username: 'till?x-amz-customauthorizer-name=own',
      password: Buffer.from('secret-till-1').toString('base64'),
      clientId: 'till-1',
    })
  })

  test('who is not let in: no authorizer, a wrong password, a client id of somebody else, an answer that AWS refuses', async () => {
    const refused = { code: 0x87 }
    await expect(connect(bridge.tcpUrl, { clientId: 'till-1' })).rejects.toMatchObject(refused)
    await expect(device('till-1', { username: 'x?x-amz-customauthorizer-name=other' })).rejects.toMatchObject(refused)
    await expect(device('till-1', { password: 'secret-till-2' })).rejects.toMatchObject(refused)
    await expect(device('till-1', { protocolVersion: 4, password: 'no' })).rejects.toMatchObject({ code: 5 })
    await expect(device('$till')).rejects.toMatchObject({ code: 0x85 })
    answers.disconnectAfterInSeconds = 0
    await expect(device('till-1')).rejects.toMatchObject(refused)
    expect(await bridge.log()).toMatch(/disconnectAfterInSeconds is a whole number from 1 to 86400/)
  })

  test('a signed address: the secret, the age, the session token and its end are looked at', async () => {
    const url = (secret: string, key = 'test', token?: string) => signedUrl(bridge.webSocketUrl, key, secret, token)
    const going = (address: string) => connect(address, { clientId: 'app-1' })
    await expect(going(url('wrong'))).rejects.toThrow(/./)
    await expect(going(url('test', 'nobody'))).rejects.toThrow(/./)
    await expect(going(bridge.webSocketUrl)).rejects.toMatchObject({ code: 0x87 })
    const temporary = { accessKeyId: 'temporary', secretAccessKey: 's' }
    bridge.admit({ ...temporary, sessionToken: 'to/ken=', expiresAt: Date.now() + 60_000 })
    await expect(going(url('s', 'temporary'))).rejects.toThrow(/./)
    await going(url('s', 'temporary', 'to/ken='))
    bridge.admit({ ...temporary, sessionToken: 'to/ken=', expiresAt: Date.now() - 1 })
    await expect(going(url('s', 'temporary', 'to/ken='))).rejects.toThrow(/./)
    const statement = { Effect: 'Allow', Action: 'iot:Connect', Resource: arn('client/app-2') } as const
    bridge.admit({ ...temporary, policy: { Version: '2012-10-17', Statement: statement } })
    await expect(going(url('s', 'temporary'))).rejects.toMatchObject({ code: 0x87 })
    bridge.expel('temporary')
  })

  test('the policy: a denied filter fails alone, a denied publish ends the connection, nothing denied is received', async () => {
    const till = await device('till-1')
    await expect(till.client.subscribeAsync(['shop/d/till-2', 'shop/all'], { qos: 1 })).rejects.toMatchObject({
      packet: { granted: [0x87, 1] },
    })
    const old = await device('till-4', { protocolVersion: 4 })
    await expect(old.client.subscribeAsync('#', { qos: 1 })).rejects.toMatchObject({ packet: { granted: [0x80] } })
    await till.client.subscribeAsync('shop/news', { qos: 1 })
    for (const topic of ['shop/news', 'shop/all']) await iot.send(new PublishCommand({ topic, qos: 1, payload: Buffer.from('x') }))
    await until(() => till.heard.length > 0, 'what it may receive')
    expect(till.heard.map(({ topic }) => topic)).toEqual(['shop/all'])
    const ended = gone(till.client)
    till.client.publish('shop/up/till-2/app', 'as another', { qos: 1 })
    expect(await ended).toBe(0x87)
    expect((await iot.send(new GetConnectionCommand({ clientId: 'till-1' }))).disconnectReason).toBe('AUTH_ERROR')
  })

  test('the limits of MQTT at AWS: QoS 2, 128 KiB, slashes, 8 filters a SUBSCRIBE, 50 a connection, 100 publishes a second', async () => {
    for (const [topic, payload, qos] of [
      ['a', 'x', 2],
      ['a', Buffer.alloc(131_073), 1],
      ['a/b/c/d/e/f/g/h/i', 'x', 1],
      ['a'.repeat(257), 'x', 0],
      ['$SYS/x', 'x', 0],
    ] as const) {
      const { client } = await app('app-1', { protocolVersion: 4 })
      const ended = gone(client)
      client.publish(topic, payload, { qos })
      await ended
    }
    const filters = Array.from({ length: 51 }, (_, n) => `f/${n}`)
    const { client } = await app('app-1')
    for (let n = 0; n < 48; n += 8) await client.subscribeAsync(filters.slice(n, n + 8), { qos: 2 })
    await expect(client.subscribeAsync(filters.slice(48), { qos: 1 })).rejects.toMatchObject({ packet: { granted: [1, 1, 0x97] } })
    const { subscriptions, nextToken } = await iot.send(new ListSubscriptionsCommand({ clientId: 'app-1', maxResults: 49 }))
    expect([subscriptions!.length, subscriptions![0]]).toEqual([49, { topicFilter: 'f/0', qos: 1 }])
    expect((await iot.send(new ListSubscriptionsCommand({ clientId: 'app-1', nextToken }))).subscriptions).toEqual([
      { topicFilter: 'f/49', qos: 1 },
    ])
    const outcomes = await Promise.allSettled(Array.from({ length: 130 }, () => client.publishAsync('x', 'x', { qos: 1 })))
    expect(outcomes.filter(({ status }) => status === 'rejected').length).toBe(30)
    const ended = gone(client)
    client.subscribe(filters.slice(0, 9), { qos: 1 })
    expect(await ended).toBe(0x82)
  })

  test('the limits of REST, and what it refuses, in the words of AWS', async () => {
    const publish = (more: object) => iot.send(new PublishCommand({ topic: 'shop/all', ...more }))
    await expect(publish({ payload: Buffer.alloc(131_073) })).rejects.toMatchObject({ name: 'RequestEntityTooLargeException' })
    await expect(publish({ topic: 'shop/+' })).rejects.toMatchObject({ name: 'InvalidRequestException' })
    await expect(publish({ qos: 2 })).rejects.toMatchObject({ name: 'InvalidRequestException' })
    await expect(publish({ topic: '$aws/events/x' })).rejects.toMatchObject({ name: 'ForbiddenException' })
    await expect(iot.send(new GetConnectionCommand({ clientId: 'nobody' }))).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
    const statement = { Effect: 'Allow', Action: 'iot:Publish', Resource: arn('topic/shop/*') } as const
    bridge.admit({ accessKeyId: 'little', secretAccessKey: 's', policy: { Version: '2012-10-17', Statement: statement } })
    const little = new IoTDataPlaneClient({
      endpoint: bridge.url,
      region: 'us-east-1',
      maxAttempts: 1,
      credentials: { accessKeyId: 'little', secretAccessKey: 's' },
    })
    await little.send(new PublishCommand({ topic: 'shop/all' }))
    await expect(little.send(new PublishCommand({ topic: 'other' }))).rejects.toMatchObject({ name: 'ForbiddenException' })
    await expect(little.send(new PublishCommand({ topic: 'shop/all', retain: true }))).rejects.toMatchObject({ name: 'ForbiddenException' })
    bridge.admit({ accessKeyId: 'little', secretAccessKey: 'other' })
    await expect(little.send(new PublishCommand({ topic: 'shop/all' }))).rejects.toMatchObject({ name: 'InvalidSignatureException' })
    little.destroy()
  })

  test('MQTT 5 properties pass from REST to the device', async () => {
    const till = await device('till-1')
    await till.client.subscribeAsync('shop/d/till-1', { qos: 1 })
    const properties = new Promise((resolve) => till.client.once('message', (_topic, _payload, packet) => resolve(packet.properties)))
    await iot.send(
      new PublishCommand({
        topic: 'shop/d/till-1',
        qos: 1,
        contentType: 'application/json',
        responseTopic: 'shop/up/till-1/app',
        correlationData: Buffer.from('id').toString('base64'),
        payloadFormatIndicator: 'UTF8_DATA',
        messageExpiry: 60,
        userProperties: JSON.stringify([{ a: '1' }, { b: 'ção' }]),
      }),
    )
    expect(await properties).toMatchObject({
      contentType: 'application/json',
      responseTopic: 'shop/up/till-1/app',
      correlationData: Buffer.from('id'),
      payloadFormatIndicator: true,
      messageExpiryInterval: expect.any(Number),
      userProperties: { a: '1', b: 'ção' },
    })
  })

  test('retained: kept, told by REST, delivered for exact filters alone, gone with an empty one', async () => {
    const topic = 'shop/all/1'
    await iot.send(
      new PublishCommand({ topic, qos: 1, retain: true, payload: Buffer.from('kept'), userProperties: JSON.stringify([{ a: '1' }]) }),
    )
    const one = await iot.send(new GetRetainedMessageCommand({ topic }))
    expect([Buffer.from(one.payload!).toString(), one.qos, Buffer.from(one.userProperties!).toString()]).toEqual(['kept', 1, '[{"a":"1"}]'])
    const listed = (await iot.send(new ListRetainedMessagesCommand({}))).retainedTopics
    expect(listed).toEqual([{ topic, payloadSize: 4, qos: 1, lastModifiedTime: one.lastModifiedTime }])
    const { client, heard } = await app('app-1')
    await client.subscribeAsync('shop/all/+', { qos: 1 })
    await client.subscribeAsync(topic, { qos: 1 })
    await until(() => heard.length > 0, 'the retained message')
    await sleep(100)
    expect(heard).toEqual([{ topic, text: 'kept', retain: true }])
    await iot.send(new PublishCommand({ topic, qos: 1, retain: true }))
    await expect(iot.send(new GetRetainedMessageCommand({ topic }))).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  })

  test('a direct message reaches who has not subscribed, and tells whether it was confirmed', async () => {
    const till = await device('till-1')
    const send = (more: object = {}) =>
      iot.send(new SendDirectMessageCommand({ clientId: 'till-1', topic: 'shop/d/till-1', payload: Buffer.from('now'), ...more }))
    expect((await send({ confirmation: true, timeout: 5 })).traceId).toEqual(expect.any(String))
    await send()
    await until(() => till.heard.length === 2, 'both')
    await expect(send({ clientId: 'till-9' })).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
    await expect(send({ topic: 'shop/d/till-2' })).rejects.toMatchObject({ name: 'ForbiddenException' })
    await expect(send({ timeout: 16 })).rejects.toMatchObject({ name: 'InvalidRequestException' })
    // It no longer reads, so it acknowledges nothing.
    till.client.stream.pause()
    await expect(send({ confirmation: true, timeout: 1 })).rejects.toMatchObject({
      name: 'GatewayTimeoutException',
      $metadata: { httpStatusCode: 504 },
    })
  })

  test('lifecycle events: connected, taken over, cut, deleted, said goodbye; the will in all but the last', async () => {
    const { client, heard } = await app('app-1')
    await client.subscribeAsync([...presenceOf('till-7'), 'shop/up/+/will'], { qos: 1 })
    const events = () => heard.filter(({ topic }) => topic.startsWith('$')).map(({ text }) => JSON.parse(text) as Record<string, unknown>)
    const wills = () => heard.filter(({ topic }) => !topic.startsWith('$')).length
    const will = { topic: 'shop/up/till-7/will', payload: Buffer.from('bye'), qos: 1, retain: false } as const
    const first = await device('till-7', { will })
    await until(() => events().length === 1, 'connected')
    const [connected] = events()
    expect(connected).toEqual({
      clientId: 'till-7',
      timestamp: expect.any(Number),
      eventType: 'connected',
      sessionIdentifier: expect.any(String),
      principalIdentifier: 'till7',
      ipAddress: '127.0.0.1',
      versionNumber: 0,
    })
    const ended = gone(first.client)
    const second = await device('till-7', { will })
    expect(await ended).toBe(0x8e)
    await until(() => events().length === 3, 'taken over')
    expect(events().find(({ eventType }) => eventType === 'disconnected')).toEqual({
      clientId: 'till-7',
      timestamp: expect.any(Number),
      eventType: 'disconnected',
      sessionIdentifier: connected!['sessionIdentifier'],
      principalIdentifier: 'till7',
      clientInitiatedDisconnect: false,
      disconnectReason: 'DUPLICATE_CLIENTID',
      versionNumber: 0,
    })
    await until(() => wills() === 1, 'its will')
    expect(bridge.cut('till-7')).toBe(true)
    await until(() => wills() === 2, 'the will of who was cut')
    const third = await device('till-7', { will })
    await iot.send(new DeleteConnectionCommand({ clientId: 'till-7' }))
    await until(() => wills() === 3, 'the will of who was deleted')
    await expect(iot.send(new DeleteConnectionCommand({ clientId: 'till-7' }))).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
    const fourth = await device('till-7', { will })
    await fourth.client.endAsync()
    await until(() => events().length === 8, 'all events')
    expect([second, third].every((each) => !each.client.connected)).toBe(true)
    const ends = events().filter(({ eventType }) => eventType === 'disconnected')
    expect(ends.map(({ disconnectReason, versionNumber }) => [versionNumber, disconnectReason])).toEqual([
      [0, 'DUPLICATE_CLIENTID'],
      [1, 'CONNECTION_LOST'],
      [2, 'API_INITIATED_DISCONNECT'],
      [3, 'CLIENT_INITIATED_DISCONNECT'],
    ])
    expect(wills()).toBe(3)
  })

  test('lifecycle events come doubled, late, out of order or not at all, as a test wants them', async () => {
    const { client, heard } = await app('app-1')
    await client.subscribeAsync(presenceOf('till-8'), { qos: 1 })
    const flap = async (): Promise<void> => {
      const till = await device('till-8')
      await till.client.endAsync()
      await until(() => !bridge.connected().includes('till-8'), 'it has gone')
    }
    const types = () => heard.map(({ text }) => (JSON.parse(text) as { eventType: string }).eventType)
    bridge.disturb({ double: true })
    await flap()
    await until(() => heard.length === 4, 'each twice')
    expect(types()).toEqual(['connected', 'connected', 'disconnected', 'disconnected'])
    heard.length = 0
    bridge.disturb({ reorder: true, delayMs: 100 })
    const startedAt = Date.now()
    await flap()
    await until(() => heard.length === 2, 'both')
    expect(types()).toEqual(['disconnected', 'connected'])
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(90)
    bridge.disturb({ drop: true })
    await flap()
    await sleep(100)
    expect(heard.length).toBe(2)
  })

  test('a connection ends when its authorizer said so, when it no longer lets it in, and when it is silent for too long', async () => {
    Object.assign(answers, { disconnectAfterInSeconds: 1, refreshAfterInSeconds: 1 })
    expect(await gone((await device('till-1')).client)).toBe(0xa0)
    Object.assign(answers, { disconnectAfterInSeconds: 60, refreshAfterInSeconds: 1 })
    const second = gone((await device('till-2')).client)
    answers.revoked.add('till-2')
    expect(await second).toBe(0x87)
    const { client } = await device('till-3', { keepalive: 1, reschedulePings: false })
    // A machine that has frozen sends no pings.
    client.stream.cork()
    const of = async (clientId: string) => (await iot.send(new GetConnectionCommand({ clientId }))).disconnectReason
    await until(() => !bridge.connected().includes('till-3'), 'it has been found silent')
    expect([await of('till-1'), await of('till-2'), await of('till-3')]).toEqual([
      'CUSTOMAUTH_TTL_EXPIRATION',
      'AUTH_ERROR',
      'MQTT_KEEP_ALIVE_TIMEOUT',
    ])
  }, 20_000)

  test('a session keeps its subscriptions and what came while its device was away, by MQTT 5 and 3.1.1', async () => {
    for (const more of [{ protocolVersion: 4 }, { protocolVersion: 5, properties: { sessionExpiryInterval: 60 } }] as const) {
      const options = { clean: false, ...more }
      const before = await device('till-5', options)
      await before.client.subscribeAsync('shop/d/till-5', { qos: 1 })
      bridge.cut('till-5')
      await until(() => !bridge.connected().includes('till-5'), 'it is away')
      for (const text of ['1', '2', '3']) await iot.send(new PublishCommand({ topic: 'shop/d/till-5', qos: 1, payload: Buffer.from(text) }))
      const after = await device('till-5', options)
      await until(() => after.heard.length === 3, 'what was kept')
      expect(after.heard.map(({ text }) => text)).toEqual(['1', '2', '3'])
      expect((await iot.send(new ListSubscriptionsCommand({ clientId: 'till-5' }))).subscriptions!.length).toBe(1)
      await iot.send(new DeleteConnectionCommand({ clientId: 'till-5', cleanSession: true }))
      const fresh = await device('till-5', { clean: true })
      await fresh.client.endAsync()
    }
  })

  test('broker and front go away and come back: killed, restarted, frozen, emptied', async () => {
    const topic = 'shop/all/1'
    await iot.send(new PublishCommand({ topic, qos: 1, retain: true, payload: Buffer.from('kept') }))
    const retained = async () => (await iot.send(new ListRetainedMessagesCommand({}))).retainedTopics!.length
    const till = await device('till-1')
    const ended = gone(till.client)
    await bridge.broker.restart!()
    expect(await ended).toBe(0x80)
    await (
      await bridge.front.down('in-order')
    )()
    const second = await device('till-1')
    const killed = gone(second.client)
    await bridge.kill()
    expect(await killed).toBeUndefined()
    expect(await retained()).toBe(1)
    const third = await device('till-1')
    await third.client.subscribeAsync('shop/d/till-1', { qos: 1 })
    const resume = await bridge.pause()
    const late = iot.send(new PublishCommand({ topic: 'shop/d/till-1', qos: 1, payload: Buffer.from('late') }))
    await sleep(300)
    expect(third.heard).toEqual([])
    await resume()
    await late
    await until(() => third.heard.length === 1, 'what waited')
    await bridge.restart()
    expect(await retained()).toBe(1)
    await bridge.wipe()
    expect(await retained()).toBe(0)
    await device('till-1')
  }, 30_000)

  test('the proxy breaks REST in front of it', async () => {
    const proxy = await startAwsProxy({ service: 'iot', target: bridge.url })
    const broken = new IoTDataPlaneClient({
      endpoint: proxy.url,
      region: 'us-east-1',
      maxAttempts: 1,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    })
    const publish = () => broken.send(new PublishCommand({ topic: 'shop/all', payload: Buffer.from('x') }))
    await publish()
    proxy.inject({ kind: 'throttle', strength: 'heavy' })
    await expect(publish()).rejects.toMatchObject({ name: 'ThrottlingException' })
    proxy.inject()
    await publish()
    broken.destroy()
    await proxy.stop()
  })
})
