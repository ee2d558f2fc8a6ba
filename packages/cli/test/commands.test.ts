import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineApp } from '@pdvend/container'
import { local } from '@pdvend/local'
import { defineEvent, defineJob, discard, handle, JobQueue, Telemetry } from '@pdvend/ports'
import { z } from 'zod'
import { outsiderModule, Shell } from './pdvend.js'

// Each test starts a few processes; on a busy machine that takes a while.
jest.setTimeout(120_000)

let shell: Shell
beforeEach(() => {
  shell = new Shell()
})
afterEach(() => shell.remove())

describe('doctor', () => {
  test('finds a fresh machine well, with a round trip a port', async () => {
    const { code, out, err } = await shell.pdvend(['doctor'])
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toMatch(/^profile local\nPORT/)
    for (const line of [
      /telemetry +local-telemetry +up/,
      /blob +local-blob +up .*put, got, listed and deleted a blob/,
      /jobs +local-jobs +up .*enqueued and worked a job/,
      /push +local-push +up .*asked for a device's presence \(\w+\), pushed to it/,
    ])
      expect(out).toMatch(line)
    expect((await shell.pdvend(['blobs', 'ls'])).out).toBe('')
    expect((await shell.pdvend(['jobs', 'stats', '--json'])).out).toContain('"ready": 0')
  })

  test('says every problem of the configuration at once and ends with 78', async () => {
    const { code, out, err } = await shell.pdvend(['doctor'], {
      PDVEND_PROFILE: 'locl',
      PDVEND_BLOB_SIGNING_KYE: 'kN4r13nv0gel-canary',
      PDVEND_DRAIN_MS: '',
    })
    expect({ code, out }).toEqual({ code: 78, out: '' })
    expect(err).toContain('The configuration has 3 problems:')
    expect(err).toContain('PDVEND_PROFILE: got "locl"; wants one of local, onprem, aws; did you mean local?')
    expect(err).toContain('did you mean PDVEND_BLOB_SIGNING_KEY?')
    expect(err).toContain('PDVEND_DRAIN_MS: got an empty value')
    expect(err).not.toContain('kN4r13nv0gel')
  })

  test('tells which port is down, checks the others all the same, and ends with 1', async () => {
    writeFileSync(join(shell.directory, 'data'), 'a file where a directory should be')
    const { code, out } = await shell.pdvend(['doctor', '--json'], {
      PDVEND_LOCAL_DIR: './data',
      PDVEND_TELEMETRY: 'noop',
      PDVEND_SPOOL_DIR: './spool',
    })
    const { ports } = JSON.parse(out) as { ports: { port: string; status: string; error?: string }[] }
    expect(code).toBe(1)
    expect(ports.map(({ port, status }) => `${port} ${status}`)).toEqual(['telemetry up', 'blob down', 'jobs down', 'push down'])
    expect(ports[1]!.error).toContain('PDVEND_LOCAL_DIR')
  })
})

describe('doctor on the onprem profile', () => {
  test('asks for every setting that it needs at once, and ends with 78', async () => {
    const { code, err } = await shell.pdvend(['doctor'], { PDVEND_PROFILE: 'onprem' })
    expect(code).toBe(78)
    for (const name of ['PDVEND_BLOB_ENDPOINT', 'PDVEND_JOBS_BROKERS', 'PDVEND_TELEMETRY_BROKERS', 'PDVEND_PUSH_URL'])
      expect(err).toContain(`${name}: got nothing`)
  })

  test('where nothing answers, each port is down and names what to check', async () => {
    const away = {
      PDVEND_BLOB_ENDPOINT: 'http://127.0.0.1:9',
      PDVEND_BLOB_BUCKET: 'pdv-shop',
      PDVEND_BLOB_ACCESS_KEY: 'key',
      PDVEND_BLOB_SECRET_KEY: 'kN4r13nv0gel-canary',
      PDVEND_JOBS_BROKERS: '127.0.0.1:9',
      PDVEND_TELEMETRY_BROKERS: '127.0.0.1:9',
      PDVEND_PUSH_URL: 'mqtt://127.0.0.1:9',
      PDVEND_PUSH_USERNAME: 'app',
      PDVEND_PUSH_PASSWORD: 'kN4r13nv0gel-canary',
      PDVEND_START_MS: '8000',
    }
    const { code, out, err } = await shell.pdvend(['doctor', '--json'], { PDVEND_PROFILE: 'onprem', ...away })
    expect({ code, err }).toEqual({ code: 1, err: '' })
    const { ports } = JSON.parse(out) as { ports: { port: string; status: string; error?: string }[] }
    expect(ports.map(({ port, status }) => `${port} ${status}`)).toEqual(['telemetry down', 'blob down', 'jobs down', 'push down'])
    const names = ['PDVEND_TELEMETRY_BROKERS', 'PDVEND_BLOB_ENDPOINT', 'PDVEND_JOBS_BROKERS', 'PDVEND_PUSH_URL']
    for (const [at, name] of names.entries()) expect(ports[at]!.error).toContain(name)
    expect(out).not.toContain('kN4r13nv0gel')
  }, 90_000)
})

describe('config', () => {
  test('lists every variable, those of another’s adapter too', async () => {
    const { out } = await shell.pdvend(['-m', outsiderModule, 'config'])
    for (const name of ['PDVEND_PROFILE', 'PDVEND_JOBS', 'PDVEND_DRAIN_MS', 'PDVEND_LOCAL_DIR', 'PDVEND_OUTSIDER_DIR'])
      expect(out).toMatch(new RegExp(`^${name} `, 'm'))
  })
})

describe('blobs', () => {
  test('put, ls, get and rm, by file and by pipe', async () => {
    writeFileSync(join(shell.directory, 'nota.xml'), '<nota número="17"/>')
    expect((await shell.pdvend(['blobs', 'put', 'notas/17.xml', 'nota.xml'])).out).toMatch(/^notas\/17\.xml: 20 bytes, etag /)
    expect((await shell.pdvend(['blobs', 'put', 'notas/18.xml'], {}, 'piped')).code).toBe(0)
    expect((await shell.pdvend(['blobs', 'ls', '--delimiter', '/'])).out.trim()).toBe('notas/')
    const listed = JSON.parse((await shell.pdvend(['blobs', 'ls', 'notas/', '--json'])).out) as { key: string; sizeBytes: number }[]
    expect(listed.map(({ key, sizeBytes }) => [key, sizeBytes])).toEqual([
      ['notas/17.xml', 20],
      ['notas/18.xml', 5],
    ])
    expect((await shell.pdvend(['blobs', 'get', 'notas/17.xml'])).out).toBe('<nota número="17"/>')
    await shell.pdvend(['blobs', 'get', 'notas/18.xml', '-o', 'out.xml'])
    expect(readFileSync(join(shell.directory, 'out.xml'), 'utf8')).toBe('piped')
    expect((await shell.pdvend(['blobs', 'rm', 'notas/17.xml', 'notas/18.xml', 'none'])).out).toBe('3 deleted\n')
    expect((await shell.pdvend(['blobs', 'ls'])).out).toBe('')
  })

  test('what fails says why and ends with 1', async () => {
    const missing = await shell.pdvend(['blobs', 'get', 'none'])
    expect(missing).toMatchObject({ code: 1, out: '', err: 'pdvend: local-blob.get("none"): NOT_FOUND\n' })
    expect((await shell.pdvend(['blobs', 'put', '../up', '-'])).err).toContain('INVALID_ARGUMENT')
    expect((await shell.pdvend(['blobs', 'put', 'x', 'nofile'])).err).toContain('nofile cannot be read')
  })
})

describe('jobs', () => {
  const fail = defineJob('receipt.issue', { input: z.object({ saleId: z.string() }) })

  async function dead(count: number): Promise<void> {
    await using running = await defineApp({ profiles: { local }, signals: [] }).start(
      { PDVEND_LOCAL_DIR: join(shell.directory, '.pdvend') },
      { only: ['jobs'] },
    )
    const queue = running.container.get(JobQueue)
    for (let n = 0; n < count; n++) await queue.enqueue(fail, { saleId: `s${n}` })
    let seen = 0
    let all = (): void => {}
    const done = new Promise<void>((resolve) => (all = resolve))
    const worker = queue.work([
      handle(fail, async () => {
        if (++seen === count) all()
        throw discard('printer is gone')
      }),
    ])
    await done
    await worker.close()
  }

  test('stats, dead list, redrive and discard', async () => {
    await dead(3)
    expect((await shell.pdvend(['jobs', 'stats', 'receipt.issue', '--json'])).out).toContain('"dead": 3')
    const list = JSON.parse((await shell.pdvend(['jobs', 'dead', 'list', '--reason', 'discarded', '--json'])).out) as {
      id: string
      errors: string[]
    }[]
    expect(list).toHaveLength(3)
    expect(list[0]!.errors.join()).toContain('printer is gone')
    expect((await shell.pdvend(['jobs', 'dead', 'list', '--limit', '1'])).out).toMatch(/ID +NAME +REASON.*\n\S+ +receipt\.issue +discarded/)
    expect((await shell.pdvend(['jobs', 'dead', 'redrive', list[0]!.id])).out).toBe('1 job sent back\n')
    expect((await shell.pdvend(['jobs', 'dead', 'discard', '--all'])).out).toBe('2 jobs deleted\n')
    expect((await shell.pdvend(['jobs', 'stats'])).out).toMatch(/\n1 +0 +0 +0 /)
  })

  test('redrive and discard of everything need --all', async () => {
    const { code, err } = await shell.pdvend(['jobs', 'dead', 'discard'])
    expect(code).toBe(1)
    expect(err).toContain('say which jobs to discard')
  })
})

describe('telemetry', () => {
  test('query gives stored events, the newest first', async () => {
    const env = { PDVEND_LOCAL_DIR: join(shell.directory, '.pdvend') }
    const sale = defineEvent('sale.closed', { data: z.object({ cents: z.number() }) })
    {
      await using running = await defineApp({ profiles: { local }, signals: [] }).start(env, { only: ['telemetry'] })
      const telemetry = running.container.get(Telemetry)
      telemetry.emit(sale, { cents: 100 }, { at: new Date('2026-11-01T10:00:00Z') })
      telemetry.emit(sale, { cents: 200 }, { at: new Date('2026-11-02T10:00:00Z') })
    }
    const rows = JSON.parse((await shell.pdvend(['telemetry', 'query', '--type', 'sale.closed', '--json'])).out) as {
      data: { cents: number }
    }[]
    expect(rows.map(({ data }) => data.cents)).toEqual([200, 100])
    const later = await shell.pdvend(['telemetry', 'query', '--from', '2026-11-02'])
    expect(later.out).toMatch(/2026-11-02T10:00:00.000Z +sale\.closed +\S+ +\{"cents":200\}/)
    expect(later.out).not.toContain('"cents":100')
    expect((await shell.pdvend(['telemetry', 'dead'])).out).toBe('no dead events\n')
  })
})

describe('modules', () => {
  test('an adapter of someone else works in every command', async () => {
    const env = { PDVEND_JOBS: 'outsider', PDVEND_OUTSIDER_DIR: './queue' }
    expect((await shell.pdvend(['jobs', 'stats', '-m', outsiderModule], env)).code).toBe(0)
    expect(existsSync(join(shell.directory, 'queue'))).toBe(true)
  })

  test('one that is no adapter, or is not there, is refused', async () => {
    writeFileSync(join(shell.directory, 'none.mjs'), 'export const manifest = { port: "mail" }')
    expect((await shell.pdvend(['-m', './none.mjs', 'config'])).err).toContain('exports no adapter')
    expect((await shell.pdvend(['-m', 'no-such-package', 'config'])).err).toContain('was not found')
  })
})

describe('usage', () => {
  test('--help, --version, and mistakes', async () => {
    expect((await shell.pdvend(['--help'])).out).toContain('Exit codes: 0 all is well, 1 something failed, 78 the configuration is wrong.')
    expect((await shell.pdvend(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/)
    const wrong = await shell.pdvend(['jobs', 'dead', 'list', '--limit', 'many'])
    expect({ code: wrong.code, err: wrong.err }).toEqual({ code: 1, err: expect.stringContaining('Give a whole number of at least 1.') })
    expect((await shell.pdvend(['doctr'])).err).toContain('Did you mean doctor?')
    expect((await shell.pdvend(['telemetry', 'query', '--from', 'yesterday'])).err).toContain('Write it like 2026-11-23T10:00:00Z.')
  })
})
