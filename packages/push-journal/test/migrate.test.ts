import { describe, expect, test } from '@jest/globals'
import type { JournalEntry } from '@pdvend/ports'
import pg from 'pg'
import { call, missing, testServer, titled } from './server.js'

const server = testServer()
const it = missing === undefined ? test : test.skip
const schema = (name: string): string => `${name}_${Date.now().toString(36)}`
const entry: JournalEntry = { id: '1', stream: 'all', name: 'note', retain: false, expiresAt: 4e12, bytes: Buffer.of(1) }

async function query(sql: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: server.engine.url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

describe(titled('the schema'), () => {
  it('is made once when ten instances start at once, and each sees one journal', async () => {
    const settings = { schema: schema('ten'), poolSize: 1 }
    const journals = await Promise.all(Array.from({ length: 10 }, () => server.open(settings)))
    expect(new Set(journals.map(({ id }) => id)).size).toBe(1)
    const receipts = await Promise.all(journals.map((journal) => journal.append(entry, 1, call)))
    expect(receipts.filter(({ known }) => !known)).toHaveLength(1)
  }, 60_000)

  it('is kept over a new start', async () => {
    const name = schema('again')
    const first = await server.open({ schema: name })
    await first.append(entry, 1, call)
    await first.close()
    const second = await server.open({ schema: name })
    expect([second.id, (await second.append(entry, 1, call)).known]).toEqual([first.id, true])
    expect(second.facts).toMatchObject({ journal: expect.stringMatching(/^PostgreSQL \d+/), 'journal schema': name, 'journal tls': 'none' })
  })

  it('of a newer release is refused, and left alone', async () => {
    const name = schema('newer')
    await (await server.open({ schema: name })).close()
    await query(`UPDATE ${name}.meta SET value = '99' WHERE name = 'version'`)
    await expect(server.open({ schema: name })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/newer release.*version 99.*upgrade the app/),
    })
    expect(await query(`SELECT value FROM ${name}.meta WHERE name = 'version'`)).toEqual([{ value: '99' }])
  })

  it('that could not be made whole is not there at all', async () => {
    const name = schema('half')
    await query(`CREATE SCHEMA ${name}; CREATE TABLE ${name}.outcomes (in_the_way int)`)
    await expect(server.open({ schema: name })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    expect(await query(`SELECT to_regclass('${name}.entries') AS entries, to_regclass('${name}.meta') AS meta`)).toEqual([
      { entries: null, meta: null },
    ])
    await query(`DROP TABLE ${name}.outcomes`)
    await (await server.open({ schema: name })).append(entry, 1, call)
  })

  it('parts journals: each has its own identity', async () => {
    const [one, two] = [await server.open({ schema: schema('one') }), await server.open({ schema: schema('two') })]
    await one.append(entry, 1, call)
    expect(one.id).not.toBe(two.id)
    expect(await two.heads(call)).toEqual({})
  })

  it('and the word of a schema may be a keyword of SQL', async () => {
    await (await server.open({ schema: 'select' })).append({ ...entry, id: schema('id') }, 1, call)
  })

  it('writes to disk and in one isolation whatever the database’s defaults say', async () => {
    const { url } = server.engine
    const database = schema('lax')
    await query(`CREATE DATABASE ${database}`)
    await query(
      `ALTER DATABASE ${database} SET synchronous_commit = off; ALTER DATABASE ${database} SET default_transaction_isolation = 'serializable'`,
    )
    const there = new URL(url)
    there.pathname = `/${database}`
    const { openPostgresJournal } = await import('@pdvend/push-journal')
    const journal = await openPostgresJournal(there.href, { namespace: 'n', maxQueued: 9, overflow: 'refuse', poolSize: 1 })
    const client = new pg.Client({ connectionString: there.href })
    await client.connect()
    try {
      // The settings of a session cannot be seen from another: a function that the journal calls tells them.
      await client.query(`CREATE TABLE seen (name text, value text);
        CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          INSERT INTO public.seen SELECT n, current_setting(n) FROM unnest(ARRAY['synchronous_commit', 'transaction_isolation']) n; RETURN NEW;
        END $$; CREATE TRIGGER look AFTER INSERT ON pdvend_push.entries FOR EACH ROW EXECUTE FUNCTION look()`)
      await journal.append(entry, 1, call)
      expect((await client.query('SELECT name, value FROM seen')).rows).toEqual([
        { name: 'synchronous_commit', value: 'on' },
        { name: 'transaction_isolation', value: 'read committed' },
      ])
    } finally {
      await client.end()
      await journal.close()
    }
  })
})
