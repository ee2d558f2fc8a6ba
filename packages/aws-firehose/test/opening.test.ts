import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { awsSessions, whyMissing } from '@pdvend/engines'
import { defineEvent } from '@pdvend/ports'
import { z } from 'zod'
import { proxiedFirehose } from './firehose-engine.js'
import { openDriver, openTelemetry } from './open.js'

const missing = await whyMissing('ministack')
const suite = missing === undefined ? describe : describe.skip
suite(`what is wrong is named at start${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let engine: Awaited<ReturnType<typeof proxiedFirehose>>
  const before = { ...process.env }
  beforeAll(async () => (engine = await proxiedFirehose({ credentials: { test: 'test', temporary: 'secret' } })), 120_000)
  afterEach(() => {
    engine.proxy.inject()
    process.env = { ...before }
  })
  afterAll(() => engine?.stop?.(), 60_000)

  const fails = async (env: Readonly<Record<string, string | undefined>>): Promise<unknown> =>
    openDriver(engine, env).then(
      (driver) => driver.close(),
      (error: unknown) => error,
    )
  const none = { PDVEND_TELEMETRY_ACCESS_KEY: undefined, PDVEND_TELEMETRY_SECRET_KEY: undefined }
  const withoutAws = (): void => {
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) Reflect.deleteProperty(process.env, name)
    Object.assign(process.env, { AWS_EC2_METADATA_DISABLED: 'true', AWS_CONFIG_FILE: '/none', AWS_SHARED_CREDENTIALS_FILE: '/none' })
  }

  test.each([
    ['a stream that is not there', { PDVEND_TELEMETRY_STREAM: 'not-there' }, 'NOT_FOUND', /PDVEND_TELEMETRY_STREAM.*pdvend provision/],
    ['another region than the stream’s', { PDVEND_TELEMETRY_REGION: 'eu-west-1' }, 'NOT_FOUND', /account and region/],
    ['another account', { PDVEND_TELEMETRY_ACCOUNT: '210987654321' }, 'CONFIG_INVALID', /account 000000000000.*PDVEND_TELEMETRY_ACCOUNT/],
    ['a key that nobody knows', { PDVEND_TELEMETRY_ACCESS_KEY: 'nobody' }, 'UNAUTHENTICATED', /PDVEND_TELEMETRY_ACCESS_KEY/],
    ['a secret that is wrong', { PDVEND_TELEMETRY_SECRET_KEY: 'wrong' }, 'UNAUTHENTICATED', /PDVEND_TELEMETRY_SECRET_KEY/],
    ['half of the credentials', { PDVEND_TELEMETRY_SECRET_KEY: undefined }, 'CONFIG_INVALID', /belong together/],
    ['an address where nothing answers', { PDVEND_TELEMETRY_ENDPOINT: 'http://127.0.0.1:9' }, 'UNAVAILABLE', /PDVEND_TELEMETRY_ENDPOINT/],
  ])('%s', async (_, env, code, detail) => {
    expect(await fails(env)).toMatchObject({ code, adapter: 'aws-firehose', operation: 'open', detail: expect.stringMatching(detail) })
  })

  test('no credentials at all, and no region', async () => {
    withoutAws()
    expect(await fails(none)).toMatchObject({ code: 'UNAUTHENTICATED', detail: expect.stringContaining('no credentials') })
    expect(await fails({ PDVEND_TELEMETRY_REGION: undefined })).toMatchObject({
      code: 'CONFIG_INVALID',
      detail: expect.stringContaining('PDVEND_TELEMETRY_REGION'),
    })
  })

  test("credentials and region of the SDK's own chain will do, and the right account", async () => {
    withoutAws()
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_REGION: 'us-east-1' })
    const driver = await openDriver(engine, { ...none, PDVEND_TELEMETRY_REGION: undefined, PDVEND_TELEMETRY_ACCOUNT: '000000000000' })
    expect(driver.facts).toEqual({ stream: 'pdv-telemetry', state: 'ACTIVE' })
    await driver.close()
    await driver.close()
  })

  test('a stream that may not be described is taken on trust, and told', async () => {
    engine.proxy.inject({ kind: 'denied', strength: 'heavy' })
    const driver = await openDriver(engine)
    expect(driver.facts).toEqual({ stream: 'pdv-telemetry', state: 'unknown: no right to firehose:DescribeDeliveryStream' })
    await driver.close()
  })

  test('a session that ends while the app runs is fetched anew, and nothing is lost', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pdvend-aws-'))
    try {
      const profile = await awsSessions(folder)
      withoutAws()
      Object.assign(process.env, profile)
      const event = defineEvent('opening.session', { data: z.int() })
      await using telemetry = await openTelemetry(engine, join(folder, 'spool'), none)
      telemetry.emit(event, 1)
      expect(await telemetry.flush()).toMatchObject({ complete: true, accepted: 1 })
      engine.proxy.expire('token-1')
      for (let number = 2; number <= 100; number++) telemetry.emit(event, number)
      expect(await telemetry.flush({ timeoutMs: 5_000 })).toMatchObject({ complete: true, accepted: 100 })
      expect(new Set((await engine.storedEvents!(event.name)).map(({ data }) => data)).size).toBe(100)
    } finally {
      await rm(folder, { recursive: true })
    }
  }, 30_000)
})
