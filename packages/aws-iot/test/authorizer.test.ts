import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { type AuthorizerAnswer, type AuthorizerEvent, authorizer } from '@pdvend/aws-iot/authorizer'
import { clientIdOf, encodeToken, grantsOf, presenceTopic } from '@pdvend/push-mqtt'
import fc from 'fast-check'
import { policiesOf } from '../src/authorizer/policy.js'
import { type Claims, readGeneration, readToken } from '../src/authorizer/token.js'

const SECRET = 'the secret of the tests, of more than 32 bytes'
const NOW = Date.parse('2026-11-26T12:00:00Z')
const CONTEXT = { invokedFunctionArn: 'arn:aws:lambda:sa-east-1:123456789012:function:pdvend' }
const PLACE = 'arn:aws:iot:sa-east-1:123456789012'

function claimsOf(device = 'till-1', change: Partial<Claims> = {}): Claims {
  const clientid = clientIdOf('loja', device)
  const { subscribe, publish } = grantsOf('loja', device, ['front'])
  return {
    clientid,
    username: `${clientid}~2`,
    exp: NOW / 1_000 + 3_600,
    acl: { sub: subscribe, pub: publish, retain: [presenceTopic('loja', device)] },
    generation: 2,
    record: `pdv/loja/credentials/${device}`,
    ...change,
  }
}

function eventOf(token: string, change: NonNullable<AuthorizerEvent['protocolData']>['mqtt'] = {}): AuthorizerEvent {
  const { clientid: clientId, username } = claimsOf()
  return {
    protocolData: {
      mqtt: {
        clientId,
        username: `${username}?x-amz-customauthorizer-name=pdvend`,
        password: Buffer.from(token).toString('base64'),
        ...change,
      },
    },
  }
}

/** With records of revoked credentials in place of AWS's retained messages: what is tested here is what it answers to them. */
const records = new Map<string, Uint8Array>()
const letIn = authorizer({ secret: SECRET, retained: async (topic) => records.get(topic), now: () => NOW })
const ask = (event: AuthorizerEvent): Promise<AuthorizerAnswer> => letIn(event, CONTEXT)
const tokenOf = (claims: object, secret = SECRET): string => encodeToken(claims, { secret })

describe('who is let in', () => {
  test('a device with its token, with rights to its own topics and nothing else', async () => {
    const answer = await ask(eventOf(tokenOf(claimsOf())))
    expect(answer).toMatchObject({ isAuthenticated: true, disconnectAfterInSeconds: 3_600, refreshAfterInSeconds: 3_600 })
    expect(answer.principalId).toMatch(/^[a-zA-Z0-9]{1,128}$/)
    expect(answer.policyDocuments.flatMap(({ Statement }) => Statement)).toEqual([
      { Effect: 'Allow', Action: 'iot:Connect', Resource: [`${PLACE}:client/device~loja~till-1`] },
      {
        Effect: 'Allow',
        Action: 'iot:Publish',
        Resource: [`${PLACE}:topic/pdv/loja/up/till-1/*`, `${PLACE}:topic/pdv/loja/presence/till-1`],
      },
      { Effect: 'Allow', Action: 'iot:RetainPublish', Resource: [`${PLACE}:topic/pdv/loja/presence/till-1`] },
      { Effect: 'Allow', Action: 'iot:Receive', Resource: [`${PLACE}:topic/pdv/loja/*`] },
      {
        Effect: 'Allow',
        Action: 'iot:Subscribe',
        Resource: ['d/till-1', 'g/front', 'all'].map((topic) => `${PLACE}:topicfilter/pdv/loja/${topic}`),
      },
    ])
  })

  test.each([
    ['no password', eventOf('', { password: '' })],
    ['what is no token', eventOf('guess')],
    ['a token of three empty parts', eventOf('..')],
    ['a token that another secret signed', eventOf(tokenOf(claimsOf(), 'another secret, of more than 32 bytes, too'))],
    ['a token that is over', eventOf(tokenOf(claimsOf('till-1', { exp: NOW / 1_000 })))],
    ["another device's token", eventOf(tokenOf(claimsOf('till-2')))],
    ['a token for another client id', eventOf(tokenOf(claimsOf()), { clientId: 'device~loja~till-2' })],
    [
      'a token for another user name',
      eventOf(tokenOf(claimsOf()), { username: 'device~loja~till-1~1?x-amz-customauthorizer-name=pdvend' }),
    ],
    ['no MQTT at all', {}],
    ['a token of unreasonable length', eventOf(`${'x'.repeat(40_000)}.y.z`)],
  ])('nobody with %s', async (_, event) => {
    expect(await ask(event)).toMatchObject({ isAuthenticated: false, policyDocuments: [] })
  })

  test('no token that was changed anywhere', async () => {
    const token = tokenOf(claimsOf())
    await fc.assert(
      fc.asyncProperty(fc.nat(token.length - 1), fc.constantFrom('A', 'Z', 'a', 'z', '0', '9', '-', '_', '.'), async (at, put) => {
        const changed = token.slice(0, at) + put + token.slice(at + 1)
        fc.pre(changed !== token)
        expect(readToken(changed, SECRET, NOW)).toBeUndefined()
      }),
    )
  })

  test('no token of a generation that was revoked, and the one after it', async () => {
    const event = eventOf(tokenOf(claimsOf()))
    records.set('pdv/loja/credentials/till-1', Buffer.from('{"generation":3}'))
    expect((await ask(event)).isAuthenticated).toBe(false)
    records.set('pdv/loja/credentials/till-1', Buffer.from('{"generation":2}'))
    expect((await ask(event)).isAuthenticated).toBe(true)
    records.clear()
    expect((await ask(event)).isAuthenticated).toBe(true)
  })

  test('nobody while it cannot be read what was revoked', async () => {
    const away = authorizer({ secret: SECRET, retained: () => Promise.reject(new Error('throttled')), now: () => NOW })
    await expect(away(eventOf(tokenOf(claimsOf())), CONTEXT)).rejects.toThrow('throttled')
    expect(() => readGeneration(Buffer.from('{"generation":"x"}'))).toThrow('names no generation')
    expect(readGeneration(Buffer.alloc(0))).toBe(0)
  })

  test.each([
    [10, 300],
    [300, 300],
    [4_000.5, 4_000],
    [30 * 86_400, 86_400],
  ])('a token of %d more seconds holds a connection for %d', async (seconds, held) => {
    const answer = await ask(eventOf(tokenOf(claimsOf('till-1', { exp: NOW / 1_000 + seconds }))))
    expect(answer).toMatchObject({ isAuthenticated: true, disconnectAfterInSeconds: held })
  })
})

test('the policies of every device that can be stay in what AWS takes', () => {
  const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,62}[A-Za-z0-9]$/)
  const ns = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,30}[A-Za-z0-9]$/)
  const check = (space: string, device: string, groups: readonly string[]): void => {
    const { subscribe, publish } = grantsOf(space, device, groups)
    const acl = { sub: subscribe, pub: publish, retain: [presenceTopic(space, device)] }
    const policies = policiesOf({ clientid: clientIdOf(space, device), acl }, 'arn:aws-us-gov:iot:ap-southeast-99:123456789012')
    expect(policies.length).toBeLessThanOrEqual(10)
    for (const policy of policies) expect(JSON.stringify(policy).length).toBeLessThanOrEqual(2_048)
    const filters = policies
      .flatMap(({ Statement }) => Statement)
      .flatMap(({ Action, Resource }) => (Action === 'iot:Subscribe' ? Resource : []))
    expect(filters.map((arn) => arn.slice(arn.indexOf('/') + 1))).toEqual(subscribe)
  }
  fc.assert(fc.property(ns, name, fc.uniqueArray(name, { maxLength: 48 }), check))
  const longest = (n: number): string => `${String(n).padStart(2, '0')}${'x'.repeat(62)}`
  check(
    'n'.repeat(32),
    longest(0),
    Array.from({ length: 48 }, (_, n) => longest(n)),
  )
})

test('the function is a folder that stands alone: nothing but node:crypto and the client that Lambda has', async () => {
  const folder = dirname(createRequire(import.meta.url).resolve('@pdvend/aws-iot/authorizer'))
  const files = (await readdir(folder)).filter((name) => name.endsWith('.js'))
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')))
  const imported = texts.flatMap((text) => [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map(([, name]) => name!))
  const outside = imported.filter((name) => !files.includes(name.replace(/^\.\//, '')))
  expect([...new Set(outside)].sort()).toEqual(['@aws-sdk/client-iot-data-plane', 'node:crypto'])
})
