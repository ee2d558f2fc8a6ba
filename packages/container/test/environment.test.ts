import { describe, expect, test } from '@jest/globals'
import { env } from '@pdvend/ports'
import { type ConfigError, type ConfigProblem, defineApp, isConfigError } from '../src/index.js'
import { useOwnDirectory } from './own-directory.js'
import { outsider, testProfile } from './test-adapters.js'

useOwnDirectory()

const local = testProfile([], {}, 'local')
const onprem = testProfile([], {}, 'onprem')
const nats = outsider('nats', { url: env('NATS_URL', local.blob.config.bucket.schema, { doc: 'Address of NATS', example: 'nats://n1' }) })
const app = defineApp({ profiles: { local, onprem }, adapters: [nats], signals: [] })

async function failure(variables: Readonly<Record<string, string>>): Promise<ConfigError> {
  const error: unknown = await app.start(variables).then(
    async (running) => running.close(),
    (thrown: unknown) => thrown,
  )
  if (!isConfigError(error)) throw new Error(`expected CONFIG_INVALID, got ${String(error)}`)
  return error
}

async function problem(variables: Readonly<Record<string, string>>): Promise<ConfigProblem> {
  const { problems } = await failure(variables)
  expect(problems).toHaveLength(1)
  return problems[0]!
}

async function started(variables: Readonly<Record<string, string>>) {
  const running = await app.start(variables)
  await running.close()
  return running
}

describe('PDVEND_PROFILE', () => {
  test('picks the profile', async () => {
    const { profile, adapters } = await started({ PDVEND_PROFILE: 'onprem' })
    expect(profile).toBe('onprem')
    expect(adapters).toEqual({ blob: 'onprem-blob', jobs: 'onprem-jobs', push: 'onprem-push', telemetry: 'onprem-telemetry' })
  })

  test('missing means local outside production', async () => {
    expect((await started({})).profile).toBe('local')
    expect((await started({ NODE_ENV: 'development' })).profile).toBe('local')
  })

  test('missing is an error in production', async () => {
    expect(await problem({ NODE_ENV: 'production' })).toEqual({
      variable: 'PDVEND_PROFILE',
      got: 'nothing',
      wants: 'one of local, onprem (NODE_ENV=production has no default)',
    })
  })

  test('missing is an error in an app that has no profile local', async () => {
    const away = defineApp({ profiles: { onprem }, signals: [] })
    await expect(away.start({})).rejects.toThrow('PDVEND_PROFILE: got nothing; wants one of onprem')
  })

  test.each([
    ['onpren', 'onprem'],
    ['LOCAL', undefined],
    ['locl', 'local'],
    ['constructor', undefined],
    ['__proto__', undefined],
  ])('%s is refused, with the nearest right value %s', async (given, nearest) => {
    const { got, ...rest } = await problem({ PDVEND_PROFILE: given })
    expect(got).toBe(JSON.stringify(given))
    expect(rest.nearest).toBe(nearest)
  })
})

describe('overrides', () => {
  test('take any adapter of any listed profile, and an outsider that was passed', async () => {
    const mixed = await started({ PDVEND_BLOB: 'onprem-blob', PDVEND_JOBS: 'nats', PDVEND_NATS_URL: 'nats://n1' })
    expect(mixed.adapters).toMatchObject({ blob: 'onprem-blob', jobs: 'nats', push: 'local-push' })
  })

  test('an adapter of another port is refused', async () => {
    expect(await problem({ PDVEND_BLOB: 'local-jobs' })).toMatchObject({
      variable: 'PDVEND_BLOB',
      got: '"local-jobs"',
      nearest: 'local-blob',
    })
  })

  test('an empty value is refused', async () => {
    expect(await problem({ PDVEND_JOBS: '' })).toMatchObject({ variable: 'PDVEND_JOBS', got: 'an empty value' })
  })
})

describe('unknown variables', () => {
  test('are errors with the nearest right name, and never show what they hold', async () => {
    const { variable, nearest, got } = await problem({ PDVEND_BLOB_BUKCET: 'pdv-notas' })
    expect({ variable, nearest, got }).toEqual({
      variable: 'PDVEND_BLOB_BUKCET',
      nearest: 'PDVEND_BLOB_BUCKET',
      got: 'a value of length 9',
    })
  })

  test('of lower case are errors too', async () => {
    expect(await problem({ pdvend_profile: 'local' })).toMatchObject({ variable: 'pdvend_profile', nearest: 'PDVEND_PROFILE' })
  })

  test('of tests and of adapters that are not in force are fine', async () => {
    await started({ PDVEND_TEST_ENGINE: 'x', PDVEND_NATS_URL: 'nats://n1', OTHER: '' })
  })

  test('the name that is kept for later says so', async () => {
    expect((await problem({ PDVEND_PUSH_JOURNAL: 'postgres://u:p@h/db' })).wants).toMatch(/^it unset/)
  })
})

describe('settings', () => {
  test.each([
    ['PDVEND_BLOB_BUCKET', '', 'an empty value', /unset it or give a value/],
    ['PDVEND_BLOB_BUCKET', 'ab', '"ab"', /Bucket that holds the files \(e\.g\. pdv-notas\)/],
    ['PDVEND_BLOB_REQUEST_MS', 'soon', '"soon"', /number/],
    ['PDVEND_BLOB_REQUEST_MS', '1.5', '"1.5"', /int/],
    ['PDVEND_BLOB_REQUEST_MS', '0', '"0"', />=1/],
    ['PDVEND_BLOB_REQUEST_MS', '1e999', '"1e999"', /number/],
    ['PDVEND_JOBS_TLS', 'perhaps', '"perhaps"', /yes or no/],
    ['PDVEND_JOBS_MODE', 'shared', '"shared"', /"share"\|"group"/],
    ['PDVEND_BLOB_SECRET_KEY', '', 'an empty value', /Secret key of the store/],
    ['PDVEND_TIMEOUT_MS', '-1', '"-1"', />=1/],
    ['PDVEND_START_MS', 'x', '"x"', /milliseconds/],
    ['PDVEND_DRAIN_MS', '99999999999', '"99999999999"', /<=86400000/],
    ['PDVEND_SPOOL_MAX_BYTES', '1024', '"1024"', />=1048576/],
    ['PDVEND_SPOOL_POLICY', 'drop', '"drop"', /dropOldest/],
    ['PDVEND_SPOOL_DIR', '', 'an empty value', /telemetry waits/],
  ])('%s=%s is refused', async (variable, given, got, wants) => {
    const found = await problem({ [variable]: given })
    expect(found).toMatchObject({ variable, got })
    expect(found.wants).toMatch(wants)
  })

  test('all problems come at once, in one error with a line for each', async () => {
    const error = await failure({
      PDVEND_PROFIL: 'onprem',
      PDVEND_PUSH: 'mqtt',
      PDVEND_BLOB_BUCKET: 'ab',
      PDVEND_JOBS_MODE: 'shared',
      PDVEND_TIMEOUT_MS: 'x',
    })
    expect(error.problems.map(({ variable }) => variable).sort()).toEqual([
      'PDVEND_BLOB_BUCKET',
      'PDVEND_JOBS_MODE',
      'PDVEND_PROFIL',
      'PDVEND_PUSH',
      'PDVEND_TIMEOUT_MS',
    ])
    expect(error.message.split('\n')).toHaveLength(6)
    expect(error.message).toContain(
      'PDVEND_PROFIL: got a value of length 6; wants a variable that the app or one of its adapters knows; did you mean PDVEND_PROFILE?',
    )
  })

  test('a wrong profile or adapter does not hide what else is wrong', async () => {
    const { problems } = await failure({ PDVEND_PROFILE: 'locla', PDVEND_BLOB_BUCKET: 'ab', PDVEND_JOBS: 'kafka', PDVEND_JOBS_TLS: '' })
    expect(problems.map(({ variable }) => variable).sort()).toEqual([
      'PDVEND_BLOB_BUCKET',
      'PDVEND_JOBS',
      'PDVEND_JOBS_TLS',
      'PDVEND_PROFILE',
    ])
  })

  test('a validator that throws is a problem of its variable', async () => {
    const schema = { '~standard': { version: 1, vendor: 'x', validate: () => Promise.reject(new RangeError('secret-ish')) } } as const
    const broken = defineApp({
      profiles: { local },
      adapters: [outsider('broken', { x: env('BROKEN', schema, { doc: 'Any' }) })],
      signals: [],
    })
    const error: unknown = await broken.start({ PDVEND_JOBS: 'broken', PDVEND_BROKEN: '1' }).catch((thrown: unknown) => thrown)
    expect(isConfigError(error) && error.problems[0]!.variable).toBe('PDVEND_BROKEN')
    expect(String(error)).toContain('the validator threw RangeError')
  })
})

describe('defineApp', () => {
  test('refuses two adapters of one name', () => {
    const twice = () => defineApp({ profiles: { local }, adapters: [outsider('local-jobs')] })
    expect(twice).toThrow('two adapters of one port have this name')
  })

  test('refuses an adapter in another port’s place, and no profile at all', () => {
    const wrong = { ...local, blob: local.jobs } as unknown as typeof local
    expect(() => defineApp({ profiles: { wrong } })).toThrow('profiles.wrong.blob')
    expect(() => defineApp({ profiles: {} })).toThrow('list at least one profile')
    expect(() => defineApp({ profiles: { local }, adapters: [undefined as never] })).toThrow('adapters[0]')
  })

  test('a required capability that an override lacks names adapters that have it', async () => {
    const needy = defineApp({
      profiles: { nats: { ...local, jobs: nats } },
      adapters: [onprem.jobs],
      requires: { jobs: ['priority'] },
      signals: [],
    })
    const error: unknown = await needy.start({ PDVEND_PROFILE: 'nats', PDVEND_JOBS: 'onprem-jobs' }).catch((thrown: unknown) => thrown)
    expect(isConfigError(error) && error.problems).toEqual([
      {
        variable: 'PDVEND_JOBS',
        got: 'adapter onprem-jobs, which has no jobs capability priority',
        wants: 'what the app requires: nats would do (PDVEND_JOBS=nats)',
      },
    ])
  })
})
