import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { awsIot } from '@pdvend/aws-iot'
import { awsSessions, startAwsProxy, startLateLink } from '@pdvend/engines'
import { readSettings, silentLogger, systemClock } from '@pdvend/ports'
import { type BridgeEngine, bridgeEngine, whyNoBridge } from './bridge.js'
import { type Environment, issuing, note, openDriver, openPush, till, until } from './shop.js'

const missing = await whyNoBridge()
const suite = missing === undefined ? describe : describe.skip
suite(`what is wrong is named at start${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let engine: BridgeEngine
  let before: NodeJS.ProcessEnv
  beforeAll(async () => {
    engine = await bridgeEngine()
    before = { ...process.env }
  }, 120_000)
  afterEach(() => {
    process.env = { ...before }
  })
  afterAll(() => engine?.stop!(), 60_000)

  const settings = (change: Environment = {}): Environment => ({ ...engine.env, PDVEND_PUSH_CONNECT_TIMEOUT_MS: '2000', ...change })
  const fails = (change: Environment): Promise<unknown> =>
    openDriver(settings(change)).then(
      (driver) => driver.close(),
      (error: unknown) => error,
    )

  test.each([
    [
      'another region than that of the endpoint',
      { PDVEND_PUSH_REGION: 'eu-west-1', PDVEND_PUSH_ENDPOINT: 'https://a1-ats.iot.sa-east-1.amazonaws.com', PDVEND_PUSH_URL: undefined },
      'CONFIG_INVALID',
      /set PDVEND_PUSH_REGION=sa-east-1/,
    ],
    ['a key that nobody knows', { PDVEND_PUSH_ACCESS_KEY: 'nobody' }, 'UNAUTHENTICATED', /PDVEND_PUSH_ACCESS_KEY/],
    ['a secret that is wrong', { PDVEND_PUSH_SECRET_KEY: 'wrong' }, 'UNAUTHENTICATED', /PDVEND_PUSH_SECRET_KEY/],
    ['half of the credentials', { PDVEND_PUSH_SECRET_KEY: undefined }, 'CONFIG_INVALID', /belong together/],
    [
      'an endpoint where nothing answers',
      { PDVEND_PUSH_ENDPOINT: 'http://127.0.0.1:9', PDVEND_PUSH_URL: undefined },
      'UNAVAILABLE',
      /PDVEND_PUSH_ENDPOINT/,
    ],
    [
      'an address in plain text',
      { PDVEND_PUSH_ENDPOINT: 'http://iot.example.com' },
      'CONFIG_INVALID',
      /iot\.example\.com in plain text: use https/,
    ],
    ['a password in an address', { PDVEND_PUSH_URL: 'wss://me:secret@iot.example.com/mqtt' }, 'CONFIG_INVALID', /PDVEND_PUSH_URL/],
    ['a secret that is short', { PDVEND_PUSH_JWT_SECRET: 'short' }, 'CONFIG_INVALID', /PDVEND_PUSH_JWT_SECRET is shorter than 32 bytes/],
    [
      'an authorizer that is not there',
      { PDVEND_PUSH_AUTHORIZER: 'nobody' },
      'CONFIG_INVALID',
      /PDVEND_PUSH_AUTHORIZER.*create-authorizer --authorizer-name nobody/,
    ],
    [
      'an authorizer with another secret',
      { PDVEND_PUSH_JWT_SECRET: 'another secret of the tests, of more than 32 bytes' },
      'CONFIG_INVALID',
      /another PDVEND_PUSH_JWT_SECRET/,
    ],
    ['a journal that is not there', { PDVEND_PUSH_JOURNAL: 'postgres://a:secret@127.0.0.1:9/b' }, 'UNAVAILABLE', /./],
  ])('%s', async (_, change, code, detail) => {
    const error = await fails(change)
    expect(error).toMatchObject({ code, adapter: 'aws-iot', operation: 'open', detail: expect.stringMatching(detail) })
    expect(JSON.stringify(error)).not.toContain('secret@')
  })

  test('what is wrong leaves no connection behind, to a journal that answers late either', async () => {
    const journal = new URL(engine.env.PDVEND_PUSH_JOURNAL!)
    const late = await startLateLink(journal.hostname, Number(journal.port), 50)
    journal.port = String(late.port)
    const error = await fails({ PDVEND_PUSH_AUTHORIZER: 'nobody', PDVEND_PUSH_JOURNAL: journal.href })
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', detail: expect.stringContaining('PDVEND_PUSH_AUTHORIZER') })
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect(late.open).toBe(0)
    late.stop()
  })

  test('pdvend provision tries the authorizer, and says what is to be made where it is not there', async () => {
    const planned = async (change: Environment) => {
      const read = await readSettings(awsIot.config, settings(change) as Record<string, string>)
      if (read.problems !== undefined) throw new Error(JSON.stringify(read.problems))
      const deps = { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(10_000) }
      return awsIot.provision!(read.settings, { jobs: [] }, deps)
    }
    const there = await planned({})
    expect(there.steps).toMatchObject([{ kind: 'authorizer', name: 'pdvend', change: 'keep' }])
    await there.apply()
    const missed = await planned({ PDVEND_PUSH_AUTHORIZER: 'nobody' })
    expect(missed.steps).toMatchObject([{ change: 'refuse', detail: expect.stringContaining('--authorizer-name nobody') }])
    await expect(missed.apply()).rejects.toMatchObject({ code: 'CONFIG_INVALID', target: 'nobody' })
    expect((await planned({ PDVEND_PUSH_JWT_SECRET: undefined })).steps).toEqual([])
    await expect(planned({ PDVEND_PUSH_URLS: 'ws://127.0.0.1:9/mqtt' })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  test('a keep-alive that AWS does not know', async () => {
    const { problems } = await readSettings(awsIot.config, settings({ PDVEND_PUSH_KEEPALIVE_SECONDS: '1201' }) as Record<string, string>)
    expect(JSON.stringify(problems)).toContain('PDVEND_PUSH_KEEPALIVE_SECONDS')
  })

  test('no credentials at all', async () => {
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) Reflect.deleteProperty(process.env, name)
    Object.assign(process.env, { AWS_EC2_METADATA_DISABLED: 'true', AWS_CONFIG_FILE: '/none', AWS_SHARED_CREDENTIALS_FILE: '/none' })
    expect(await fails({ PDVEND_PUSH_ACCESS_KEY: undefined, PDVEND_PUSH_SECRET_KEY: undefined })).toMatchObject({
      code: 'UNAUTHENTICATED',
      detail: expect.stringContaining('PDVEND_PUSH_ACCESS_KEY'),
    })
    expect(await fails({ PDVEND_PUSH_REGION: undefined })).toMatchObject({
      code: 'CONFIG_INVALID',
      detail: expect.stringContaining('PDVEND_PUSH_REGION'),
    })
  })

  /** The rights that the adapter asks for, but one. */
  async function admit(accessKeyId: string, but?: string): Promise<Environment> {
    const env = settings({ PDVEND_PUSH_ACCESS_KEY: accessKeyId, PDVEND_PUSH_SECRET_KEY: 'limited', PDVEND_PUSH_NAMESPACE: accessKeyId })
    const read = await readSettings(awsIot.config, env as Record<string, string>)
    if (read.problems !== undefined) throw new Error(JSON.stringify(read.problems))
    const Statement = awsIot.permissions!(read.settings, { jobs: [] }).map(({ actions, resources }) => ({
      Effect: 'Allow' as const,
      Action: actions.filter((action) => action !== but),
      Resource: resources,
    }))
    engine.bridge.admit({ accessKeyId, secretAccessKey: 'limited', policy: { Version: '2012-10-17', Statement } })
    return env
  }

  test('the rights that are printed are enough for all that the adapter does', async () => {
    const env = await admit('enough')
    const before = await engine.bridge.log()
    for (const via of ['mqtt', 'http']) {
      await using push = await openPush({ ...env, PDVEND_PUSH_VIA: via })
      const { device, notes } = till(issuing(push, ['front']), `till-${via}`)
      await until(() => device.status === 'online', 'online')
      for (const to of [{ device: `till-${via}` }, { group: 'front' }, { all: true }] as const) await push.publish(to, note, { n: 1 })
      await until(() => notes.length === 3, 'notes')
      await push.credentials.issue(`till-${via}`, { ttlMs: 60_000, groups: [] })
      await push.credentials.revoke(`till-${via}`)
      await until(async () => device.status === 'online' && (await push.presence.get(`till-${via}`)).state === 'online', 'let in anew')
      await device.close()
    }
    const refusals = (await engine.bridge.log()).slice(before.length)
    expect(refusals.split('\n').filter((line) => / 403 |not allowed|denied/i.test(line))).toEqual([])
  }, 60_000)

  test.each([
    ['iot:Connect', 'PERMISSION_DENIED'],
    ['iot:Subscribe', 'PERMISSION_DENIED'],
    ['iot:Receive', 'CONFIG_INVALID'],
    ['iot:Publish', 'PERMISSION_DENIED'],
    ['iot:RetainPublish', 'PERMISSION_DENIED'],
    ['iot:ListRetainedMessages', 'PERMISSION_DENIED'],
    ['iot:GetConnection', 'PERMISSION_DENIED'],
    ['iot:DeleteConnection', 'PERMISSION_DENIED'],
    ['iot:ListSubscriptions', 'PERMISSION_DENIED'],
    ['iot:GetRetainedMessage', 'PERMISSION_DENIED'],
    ['iot:SendDirectMessage', 'PERMISSION_DENIED', { PDVEND_PUSH_JOURNAL: undefined }],
  ])(
    'for want of %s',
    async (action, code, change: Environment = {}) => {
      const env = await admit(`without-${action.slice(4)}`, action)
      expect(await fails({ ...env, ...change })).toMatchObject({ code, adapter: 'aws-iot', detail: expect.stringContaining(action) })
    },
    30_000,
  )

  test.each([-900_000, 900_000])(
    'a clock that is wrong by %d ms is found out at the first call, and nothing fails for it',
    async (skewMs) => {
      const script = fileURLToPath(new URL('children/skewed.mjs', import.meta.url))
      const env = { ...process.env, ...settings({ PDVEND_PUSH_NAMESPACE: `skew${skewMs}`.replace('-', 'ed') }), SKEW_MS: String(skewMs) }
      const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', script], { env, timeout: 25_000 })
      expect(stdout).toBe('handled 17\n')
    },
    30_000,
  )

  test('credentials that end while the app runs are fetched anew for the next connection', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pdvend-iot-'))
    try {
      const profile = await awsSessions(folder, { accessKeyId: 'session-#', sessionToken: 'token/+#', firstLivesMs: 301_000 })
      for (const number of [1, 2]) {
        const session = { accessKeyId: `session-${number}`, secretAccessKey: 'secret', sessionToken: `token/+${number}` }
        engine.bridge.admit(number === 1 ? { ...session, expiresAt: Date.now() + 3_000 } : session)
      }
      for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) Reflect.deleteProperty(process.env, name)
      Object.assign(process.env, profile)
      const none = { PDVEND_PUSH_ACCESS_KEY: undefined, PDVEND_PUSH_SECRET_KEY: undefined, PDVEND_PUSH_REGION: undefined }
      const env = settings({ ...none, PDVEND_PUSH_NAMESPACE: 'sessions' })
      const driver = await openDriver(env)
      try {
        await new Promise((resolve) => setTimeout(resolve, 3_500))
        const app = engine.bridge.connected().find((clientId) => clientId.startsWith('app~sessions~'))!
        expect(engine.bridge.cut(app)).toBe(true)
        await until(() => engine.bridge.connected().includes(app), 'a new connection')
        const call = { signal: AbortSignal.timeout(10_000) }
        await driver.ping(call)
        await driver.send({ all: true }, Buffer.from('x'), call)
      } finally {
        await driver.close()
      }
    } finally {
      await rm(folder, { recursive: true })
    }
  }, 40_000)

  test('a session that the data plane refuses before its end is fetched anew for the next try', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pdvend-iot-'))
    const proxy = await startAwsProxy({ service: 'iot', target: engine.bridge.url })
    try {
      const profile = await awsSessions(folder, { accessKeyId: 'early-#', sessionToken: 'early-token-#' })
      for (const number of [1, 2])
        engine.bridge.admit({ accessKeyId: `early-${number}`, secretAccessKey: 'secret', sessionToken: `early-token-${number}` })
      for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) Reflect.deleteProperty(process.env, name)
      Object.assign(process.env, profile)
      const none = { PDVEND_PUSH_ACCESS_KEY: undefined, PDVEND_PUSH_SECRET_KEY: undefined, PDVEND_PUSH_REGION: undefined }
      const byProxy = { PDVEND_PUSH_ENDPOINT: proxy.url, PDVEND_PUSH_VIA: 'http', PDVEND_PUSH_NAMESPACE: 'early' }
      const driver = await openDriver(settings({ ...none, ...byProxy }))
      try {
        const send = () => driver.send({ all: true }, Buffer.from('x'), { signal: AbortSignal.timeout(10_000) })
        await send()
        proxy.expire('early-token-1')
        await expect(send()).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true })
        await send()
      } finally {
        await driver.close()
      }
    } finally {
      await proxy.stop()
      await rm(folder, { recursive: true })
    }
  }, 30_000)
})
