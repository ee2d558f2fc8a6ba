import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { openPostgresJournal } from '@pdvend/push-journal'
import pg from 'pg'
import { call, defaults, missingOwn, testServer, titled } from './server.js'

const folder = mkdtempSync(join(tmpdir(), 'pdvend-tls-'))
const file = (name: string): string => join(folder, name)

/** A certificate for `host`, signed by itself; undefined where this machine has no openssl. */
function certify(name: string, host: string): string | undefined {
  const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=pdvend', '-addext', `subjectAltName=${host}`]
  try {
    execFileSync('openssl', [...args, '-keyout', file(`${name}.key`), '-out', file(`${name}.crt`)], { stdio: 'pipe' })
    return undefined
  } catch (error) {
    return `openssl: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`
  }
}

const reason = missingOwn ?? certify('own', 'IP:127.0.0.1') ?? certify('other', 'DNS:db.example.com')
const server = testServer({ named: false })
const it = reason === undefined ? test : test.skip
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The server shows this certificate from now on; plain connections it still takes. */
async function show(name: string): Promise<void> {
  const data = join(server.engine.folder, 'data')
  const { uid, gid } = statSync(data)
  for (const [from, to] of [
    [`${name}.crt`, 'server.crt'],
    [`${name}.key`, 'server.key'],
  ] as const) {
    copyFileSync(file(from), join(data, to))
    chownSync(join(data, to), uid, gid)
    chmodSync(join(data, to), 0o600)
  }
  const operator = new pg.Client({ connectionString: server.engine.url })
  await operator.connect()
  await operator.query('ALTER SYSTEM SET ssl = on')
  await operator.end()
  await server.engine.restart!()
}

async function open(parameters: string): Promise<unknown> {
  const journal = await openPostgresJournal(`${server.engine.url}?${parameters}`, { ...defaults, poolSize: 1 })
  try {
    await journal.ping(call)
    return journal.facts['journal tls']
  } finally {
    await journal.close()
  }
}

describe(titled('TLS', reason), () => {
  const refused = { code: 'CONFIG_INVALID', message: expect.stringContaining('PDVEND_PUSH_JOURNAL') }

  describe('with a certificate of the host’s own', () => {
    beforeAll(async () => {
      if (reason === undefined) await show('own')
    }, 60_000)

    it('verify-full, verify-ca and require accept it where its signer is known', async () => {
      for (const mode of ['verify-full', 'verify-ca', 'require'])
        expect(await open(`sslmode=${mode}&sslrootcert=${file('own.crt')}`)).toBe('on')
    })

    it('a signer that nobody knows is refused, except by require', async () => {
      await expect(open('sslmode=verify-full')).rejects.toMatchObject(refused)
      await expect(open('sslmode=verify-ca')).rejects.toMatchObject(refused)
      await expect(open(`sslmode=require&sslrootcert=${file('other.crt')}`)).rejects.toMatchObject(refused)
      expect(await open('sslmode=require')).toBe('on')
    })

    it('this machine may be spoken to in plain text', async () => {
      expect(await open('')).toBe('none')
    })
  })

  describe('with a certificate of another host', () => {
    beforeAll(async () => {
      if (reason === undefined) await show('other')
    }, 60_000)

    it('verify-full refuses it, verify-ca does not look at the name', async () => {
      const root = `sslrootcert=${file('other.crt')}`
      await expect(open(`sslmode=verify-full&${root}`)).rejects.toMatchObject({
        ...refused,
        message: expect.stringContaining('another host'),
      })
      expect(await open(`sslmode=verify-ca&${root}`)).toBe('on')
    })
  })
})
