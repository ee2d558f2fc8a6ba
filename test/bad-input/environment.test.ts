import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { defineApp, isConfigError } from '@pdvend/container'
import { local } from '@pdvend/local'
import { CANARY, Record } from './shop.js'

const record = new Record()
const app = defineApp({ profiles: { local }, log: record.log, signals: [] })

test('everything that is misspelt, empty or of the wrong type is told at once, each with the variable and the mend', async () => {
  const wrong = {
    PDVEND_PROFILE: 'locale',
    PDVEND_BLOB: 'local-blobs',
    PDVEND_JOBS: '',
    PDVEND_LOCAL_DIRR: '/tmp/x',
    pdvend_local_dir: '/tmp/x',
    PDVEND_BLOB_SIGNING_KEI: CANARY,
    PDVEND_BLOB_SIGNINGKEY: CANARY,
    PDVEND_TIMEOUT_MS: 'soon',
    PDVEND_START_MS: '-1',
    PDVEND_DRAIN_MS: '1e99',
    PDVEND_SPOOL_MAX_BYTES: '10',
    PDVEND_SPOOL_POLICY: 'dropAll',
    PDVEND_SPOOL_DIR: '',
  }
  const error: unknown = await app.check(wrong).catch((thrown: unknown) => thrown)
  record.add(error)
  if (!isConfigError(error)) throw error
  const told = new Map(error.problems.map((problem) => [problem.variable, problem]))
  expect([...told.keys()].sort()).toEqual(Object.keys(wrong).sort())
  for (const variable of Object.keys(wrong)) expect(error.message).toContain(`${variable}: got `)
  const nearest = Object.fromEntries(
    [...told].flatMap(([name, problem]) => (problem.nearest === undefined ? [] : [[name, problem.nearest]])),
  )
  expect(nearest).toMatchObject({
    PDVEND_PROFILE: 'local',
    PDVEND_BLOB: 'local-blob',
    PDVEND_LOCAL_DIRR: 'PDVEND_LOCAL_DIR',
    pdvend_local_dir: 'PDVEND_LOCAL_DIR',
    PDVEND_BLOB_SIGNING_KEI: 'PDVEND_BLOB_SIGNING_KEY',
    PDVEND_BLOB_SIGNINGKEY: 'PDVEND_BLOB_SIGNING_KEY',
  })
  expect(record.leaks(CANARY)).toEqual([])
})

test('the settings of every embedded engine, wrong at once', async () => {
  const wrong = {
    PDVEND_LOCAL_DIR: '',
    PDVEND_BLOB_URL: `ftp://caixa:${CANARY.replaceAll('/', '')}@loja/blobs`,
    PDVEND_BLOB_SWEEP_AFTER_MS: 'NaN',
    PDVEND_BLOB_SIGNING_KEY: '',
    PDVEND_PUSH_HOST: '',
    PDVEND_PUSH_TCP_PORT: '65536',
    PDVEND_PUSH_WS_PORT: '0x',
    PDVEND_PUSH_URLS: 'http://loja',
    PDVEND_PUSH_HOSTING: 'yes',
    PDVEND_PUSH_NAMESPACE: 'a/+/#',
    PDVEND_PUSH_QUEUE_MAX: '0',
    PDVEND_PUSH_OVERFLOW: 'x',
    PDVEND_PUSH_KEEPALIVE_SECONDS: '1.5',
    PDVEND_TELEMETRY_RETENTION_DAYS: 'Infinity',
  }
  const error: unknown = await app.check(wrong).catch((thrown: unknown) => thrown)
  record.add(error)
  if (!isConfigError(error)) throw error
  expect(error.problems.map(({ variable }) => variable).sort()).toEqual(Object.keys(wrong).sort())
  expect(record.leaks(CANARY, CANARY.replaceAll('/', ''))).toEqual([])
})

const known = app.adapters.flatMap(({ config }) => Object.values(config).map(({ env }) => env))
const names = fc.oneof(
  fc.constantFrom(
    ...known,
    'PDVEND_PROFILE',
    'PDVEND_BLOB',
    'PDVEND_PUSH',
    'PDVEND_TIMEOUT_MS',
    'PDVEND_SPOOL_DIR',
    'NODE_ENV',
    '__proto__',
  ),
  fc.constantFrom(...known).map((name) => name.slice(0, -1)),
  fc.string({ maxLength: 20 }).map((text) => `PDVEND_${text}`),
)
const values = fc.oneof(
  fc.constantFrom('', '0', '-1', '1e999', 'local', 'local-blob', 'production', 'a\0b', '\ud800', '/blobs', 'x'.repeat(10_000)),
  fc.string({ unit: 'binary', maxLength: 40 }),
)

test('any environment is a choice or a CONFIG_INVALID that names its variables; a secret is in none', async () => {
  const secrets = ['PDVEND_BLOB_SIGNING_KEY', 'PDVEND_BLOB_SIGNING_KE', 'PDVEND_BLOB_SIGNING_KEYS']
  await fc.assert(
    fc.asyncProperty(fc.dictionary(names, values, { maxKeys: 10 }), fc.constantFrom(...secrets), async (environment, secret) => {
      const given = { ...environment, [secret]: CANARY }
      const inner = new Record()
      const error = (await app.check(given).then(
        ({ profile }) => {
          expect(profile).toBe('local')
        },
        (thrown: unknown) => thrown,
      )) as Error | undefined
      if (error === undefined) return
      inner.add(error)
      expect(inner.leaks(CANARY)).toEqual([])
      if (!isConfigError(error)) throw error
      expect(error.problems.length).toBeGreaterThan(0)
      for (const { variable, got, wants } of error.problems) {
        expect(Object.hasOwn(given, variable) || got === 'nothing').toBe(true)
        expect(wants.length).toBeGreaterThan(0)
        expect(got.length).toBeLessThan(400)
      }
    }),
    { numRuns: 200 },
  )
})
