import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { runCase, suiteOf } from '@pdvend/contract'
import { ossEmq } from '@pdvend/oss-emq'
import { encodeToken } from '@pdvend/push-mqtt'
import { EmqxApi } from '../src/emqx-api.js'
import { type BrokerEngine, brokerEngine, whyNoBroker } from './broker.js'
import { type EmqxFront, emqxFront, KEY, SECRET } from './emqx-front.js'
import { note, openDriver, openPush, till, until } from './shop.js'

const TOKEN_SECRET = 'an EMQX token secret of the test, long enough'
const missing = await whyNoBroker('mosquitto')
const suite = missing === undefined ? describe : describe.skip
/** Who gets in, who reaches what, who is there, and that messages still arrive. */
const CLAUSES = [
  'P1',
  'P2',
  'P3',
  'P4',
  'P6',
  'P16',
  'P20',
  'P34',
  'P35',
  'P38',
  'P42',
  'P46',
  'P47',
  'P48',
  'P49',
  'P50',
  'P51',
  'P59',
  'P63a',
  'P63c',
]

test('an RS256 token is one that its public key verifies', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const token = encodeToken({ username: 'till' }, { key: privateKey })
  const [header, claims, signature] = token.split('.')
  const text = Buffer.from(`${header}.${claims}`)
  expect(
    verify('sha256', text, createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })), Buffer.from(signature!, 'base64url')),
  ).toBe(true)
  expect(JSON.parse(Buffer.from(header!, 'base64url').toString())).toEqual({ alg: 'RS256', typ: 'JWT' })
})

suite(
  `device tokens and the HTTP API, as EMQX documents them, in front of Mosquitto${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    let engine: BrokerEngine
    let front: EmqxFront
    let env: Readonly<Record<string, string>>
    beforeAll(async () => {
      engine = await brokerEngine('mosquitto')
      const app = { username: engine.env.PDVEND_PUSH_USERNAME!, password: engine.env.PDVEND_PUSH_PASSWORD! }
      front = await emqxFront(Number(new URL(engine.env.PDVEND_PUSH_URL!).port), app, TOKEN_SECRET)
      env = {
        ...engine.env,
        PDVEND_PUSH_URL: `mqtt://127.0.0.1:${front.port}`,
        PDVEND_PUSH_URLS: `mqtt://127.0.0.1:${front.port}`,
        PDVEND_PUSH_PROTOCOL: '3.1.1',
        PDVEND_PUSH_JWT_SECRET: TOKEN_SECRET,
        PDVEND_PUSH_API_URL: front.apiUrl,
        PDVEND_PUSH_API_KEY: KEY,
        PDVEND_PUSH_API_SECRET: SECRET,
      }
    }, 120_000)
    afterAll(async () => {
      await front?.stop()
      await engine?.stop?.()
    }, 60_000)

    const push = suiteOf('push')
    for (const clause of push.cases.filter(({ id }) => CLAUSES.includes(id)))
      test(`${clause.id} ${clause.title}`, async () => void (await runCase(push, clause, ossEmq, { ...engine, env })), 60_000)

    test('a token says who it is for, what it reaches and when it ends', async () => {
      const driver = await openDriver({ ...env, PDVEND_PUSH_NAMESPACE: 'claims' })
      expect(driver.facts).toMatchObject({ 'device credentials': 'jwt' })
      const request = { ttlMs: 60_000, groups: ['front'], regrouped: false, signal: AbortSignal.timeout(10_000) }
      const { password, username, clientId, subscribe } = await driver.issue('till-1', request)
      const claims = JSON.parse(Buffer.from(password.split('.')[1]!, 'base64url').toString()) as { exp: number; iat: number }
      expect(claims).toMatchObject({
        username,
        clientid: clientId,
        acl: { sub: subscribe, pub: ['pdv/claims/up/till-1/+', 'pdv/claims/presence/till-1'] },
      })
      expect(subscribe).toEqual(['pdv/claims/d/till-1', 'pdv/claims/g/front', 'pdv/claims/all'])
      expect(claims.exp - claims.iat).toBeLessThanOrEqual(60)
      await driver.close()
    })

    test('who is there at start is asked of the broker, not believed', async () => {
      const app = await openPush({ ...env, PDVEND_PUSH_NAMESPACE: 'settle' })
      const here = till(() => app, 'here')
      const gone = till(() => app, 'gone')
      await until(() => [here, gone].every(({ device }) => device.status === 'online'), 'both are online')
      const lastWord = await openDriver({ ...engine.env, PDVEND_PUSH_NAMESPACE: 'settle' })
      await gone.device.close()
      // What it said last, as if its broker had died with it.
      const stale = { state: 'online', version: Number.MAX_SAFE_INTEGER - 1_000, at: Date.now(), client: 'gone', username: 'gone' }
      const raw = lastWord as unknown as { parts: { connection: { publish(...args: unknown[]): Promise<void> } } }
      await raw.parts.connection.publish('pdv/settle/presence/gone', JSON.stringify(stale), { retain: true }, AbortSignal.timeout(5_000))
      await lastWord.close()
      const next = await openPush({ ...env, PDVEND_PUSH_NAMESPACE: 'settle' })
      await until(async () => (await next.presence.get('gone')).state === 'offline', 'it is known to be gone', 3_000)
      expect((await next.presence.get('here')).state).toBe('online')
      await next.publish({ device: 'here' }, note, { n: 1 }, { waitFor: 'handled' })
      await here.device.close()
      await Promise.all([app.close(), next.close()])
    })

    test('the API is paged through, and what it refuses names the setting', async () => {
      const signal = AbortSignal.timeout(10_000)
      const api = new EmqxApi(front.apiUrl, KEY, SECRET)
      for (const n of [1, 2, 3]) await api.ban(`someone~${n}`, new Date(Date.now() + 60_000), signal)
      await api.ban('someone~1', new Date(Date.now() + 60_000), signal)
      expect((await api.bannedUsernames(signal)).filter((name) => name.startsWith('someone~'))).toHaveLength(3)
      await api.kick('nobody', signal)
      await expect(new EmqxApi(front.apiUrl, KEY, 'guess').ping(signal)).rejects.toThrow('PDVEND_PUSH_API_KEY')
      await expect(new EmqxApi('http://127.0.0.1:1', KEY, SECRET).ping(signal)).rejects.toThrow('PDVEND_PUSH_API_URL')
      expect(front.requests).toContain('POST /banned')
    })
  },
)
