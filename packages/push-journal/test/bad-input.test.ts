import { inspect } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import { PortError } from '@pdvend/ports'
import { openPostgresJournal, type PostgresJournalSettings } from '@pdvend/push-journal'
import pg from 'pg'
import { call, defaults, missingOwn, testServer, titled } from './server.js'

const PASSWORD = 's3cr%t/p@ss:w0rd'
const server = testServer({ named: false })
const it = missingOwn === undefined ? test : test.skip

async function refusal(url: string, settings: Partial<PostgresJournalSettings> = {}): Promise<PortError> {
  const error = await openPostgresJournal(url, { ...defaults, connectTimeoutMs: 1_000, ...settings }).then(
    async (journal) => {
      await journal.close()
      throw new Error('it opened')
    },
    (each: unknown) => each,
  )
  const shown = `${inspect(error, { depth: 20, showHidden: true })}${JSON.stringify(error)}`
  for (const secret of [PASSWORD, encodeURIComponent(PASSWORD), 's3cr', 'pdvend-postgres']) expect(shown).not.toContain(secret)
  if (!PortError.is(error)) throw error
  return error
}

const secret = encodeURIComponent(PASSWORD)

describe('an address that is wrong is told before anything is sent', () => {
  test.each([
    ['localhost:5432/db', 'give postgres://'],
    [`mysql://u:${secret}@h/db`, 'give postgres://'],
    [`postgres://u:${secret}@h:99999/db`, 'give postgres://'],
    [`postgres://u:s3cr%@h/db`, '%25'],
    [`postgres://u:${secret}@/db`, 'give postgres://|no host'],
    [`postgres://u:${secret}@h/db?ssl=true`, 'parameter "ssl"'],
    [`postgres://u:${secret}@h/db?sslmode=prefer`, 'fall back to plain text'],
    [`postgres://u:${secret}@h/db?sslmode=verify-full&sslrootcert=/no/such/file`, 'sslrootcert'],
  ])('%s', async (url, words) => {
    const error = await refusal(url)
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching(words) })
    expect(error.message).toContain('PDVEND_PUSH_JOURNAL')
  })

  test.each([
    [{ schema: 'Caixa-1' }, 'schema'],
    [{ schema: 'pg_own' }, 'schema'],
    [{ schema: 'a"; DROP TABLE x; --' }, 'schema'],
    [{ maxQueued: 0 }, 'maxQueued'],
    [{ poolSize: 1.5 }, 'poolSize'],
    [{ statementTimeoutMs: 1 }, 'statementTimeoutMs'],
    [{ namespace: '' }, 'namespace'],
    [{ overflow: 'drop' as 'refuse' }, 'overflow'],
  ])('%j', async (settings, name) => {
    expect(await refusal('postgres://127.0.0.1/db', settings)).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(name),
    })
  })
})

describe(titled('a server that cannot be used is told by what is wrong', missingOwn), () => {
  const at = (change: (url: URL) => void): string => {
    const url = new URL(server.engine.url)
    change(url)
    return url.href
  }

  it('wrong password, no password, unknown user', async () => {
    const wrong = { code: 'UNAUTHENTICATED', message: expect.stringContaining('PDVEND_PUSH_JOURNAL') }
    expect(await refusal(at((url) => (url.password = secret)))).toMatchObject(wrong)
    expect(await refusal(at((url) => (url.password = '')))).toMatchObject(wrong)
    expect(await refusal(at((url) => (url.username = 'nobody')))).toMatchObject(wrong)
  })

  it('a database that does not exist', async () => {
    expect(await refusal(at((url) => (url.pathname = '/nowhere')))).toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringMatching(/127\.0\.0\.1:\d+\/nowhere.*PDVEND_PUSH_JOURNAL/),
    })
  })

  it('nothing listens, no such host, no such socket, a port that never answers', async () => {
    const away = { code: 'UNAVAILABLE', retryable: true, message: expect.stringContaining('PDVEND_PUSH_JOURNAL') }
    expect(await refusal(`postgres://u:${secret}@127.0.0.1:1/db`)).toMatchObject(away)
    expect(await refusal(`postgres://u:${secret}@nowhere.invalid/db?sslmode=disable`)).toMatchObject(away)
    expect(await refusal(`postgres://u:${secret}@h/db?host=/no/such/folder`)).toMatchObject(away)
    const resume = await server.engine.pause!()
    expect(await refusal(at((url) => (url.search = '')))).toMatchObject(away)
    await resume()
  })

  it('a server without TLS, which another machine’s would have to have', async () => {
    expect(await refusal(at((url) => (url.search = 'sslmode=verify-full')))).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('sslmode=disable'),
    })
  })

  it('a user that may not make the schema, and one that may use the one that is there', async () => {
    const owner = new pg.Client({ connectionString: server.engine.url })
    await owner.connect()
    await owner.query(`CREATE ROLE clerk LOGIN PASSWORD '${PASSWORD}'`)
    const clerk = at((url) => {
      url.username = 'clerk'
      url.password = secret
    })
    const denied = { code: 'PERMISSION_DENIED', message: expect.stringContaining('PDVEND_PUSH_JOURNAL') }
    expect(await refusal(clerk, { schema: 'theirs' })).toMatchObject(denied)
    await (await server.open({ schema: 'theirs' })).close()
    expect(await refusal(clerk, { schema: 'theirs' })).toMatchObject(denied)
    await owner.query(`GRANT USAGE ON SCHEMA theirs TO clerk; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA theirs TO clerk;
      GRANT USAGE ON ALL SEQUENCES IN SCHEMA theirs TO clerk`)
    await owner.end()
    const journal = await openPostgresJournal(clerk, { ...defaults, schema: 'theirs' })
    try {
      await journal.append({ id: '1', stream: 'all', name: 'n', retain: true, expiresAt: 9, bytes: Buffer.of(1) }, 1, call)
      expect(await journal.expire(9, call)).toBe(1)
    } finally {
      await journal.close()
    }
  })

  it('a database in another encoding', async () => {
    const owner = new pg.Client({ connectionString: server.engine.url })
    await owner.connect()
    await owner.query(`CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0`)
    await owner.end()
    expect(await refusal(at((url) => (url.pathname = '/latin')))).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('UTF8'),
    })
  })
})
