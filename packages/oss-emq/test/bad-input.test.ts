import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startLateLink } from '@pdvend/engines'
import type { Logger, PortError } from '@pdvend/ports'
import { silentLogger } from '@pdvend/ports'
import { type BrokerEngine, brokerEngine, whyNoBroker } from './broker.js'
import { note, openDriver, openPush, till, until } from './shop.js'

const missing = await whyNoBroker('mosquitto')
const suite = missing === undefined ? describe : describe.skip
const DEADLINE_MS = 10_000

suite(`oss-emq at start, on what is wrong${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let engine: BrokerEngine
  const servers: Server[] = []
  const folder = mkdtempSync(join(tmpdir(), 'pdvend-emq-'))
  const port = (): number => Number(new URL(engine.env.PDVEND_PUSH_URL!).port)
  beforeAll(async () => void (engine = await brokerEngine('mosquitto')), 120_000)
  afterAll(async () => {
    for (const server of servers) server.close()
    rmSync(folder, { recursive: true, force: true })
    await engine?.stop?.()
  }, 60_000)

  /** What `open` says, within the deadline. */
  async function refusal(changes: Readonly<Record<string, string>>): Promise<PortError> {
    const startedAt = Date.now()
    const env = { ...engine.env, PDVEND_PUSH_CONNECT_TIMEOUT_MS: '3000', ...changes }
    const error = await openDriver(env, silentLogger, DEADLINE_MS).then(
      async (driver) => {
        await driver.close()
        throw new Error('it should have been refused')
      },
      (thrown: PortError) => thrown,
    )
    expect(Date.now() - startedAt).toBeLessThan(DEADLINE_MS)
    expect(error.message).not.toContain(engine.env.PDVEND_PUSH_PASSWORD)
    return error
  }

  async function listen(server: Server): Promise<number> {
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
    server.unref()
    return (server.address() as AddressInfo).port
  }

  /** In front of the broker; `answer` may answer a CONNECT (its protocol level, has it a user name) in the broker's place. */
  function front(answer: (level: number, named: boolean) => Buffer | undefined): Promise<number> {
    return listen(
      createServer((near) => {
        near.on('error', () => {})
        near.once('data', (first) => {
          const level = first.indexOf('MQTT') + 4
          const instead = answer(first[level]!, (first[level + 1]! & 0x80) !== 0)
          if (instead !== undefined) return void near.end(instead)
          const far = connect(port(), '127.0.0.1')
          far.on('error', () => near.destroy()).once('close', () => near.destroy())
          near.once('close', () => far.destroy())
          far.write(first)
          near.pipe(far).pipe(near)
        })
      }),
    )
  }

  test('a wrong endpoint is named', async () => {
    const error = await refusal({ PDVEND_PUSH_URL: 'mqtt://127.0.0.1:1' })
    expect([error.code, error.message]).toEqual(['UNAVAILABLE', expect.stringContaining('PDVEND_PUSH_URL')])
  })

  test('so is one that takes connections and says nothing', async () => {
    const silent = await listen(createServer((socket: Socket) => void socket.on('error', () => {})))
    const error = await refusal({ PDVEND_PUSH_URL: `mqtt://127.0.0.1:${silent}` })
    expect([error.code, error.message]).toEqual(['UNAVAILABLE', expect.stringContaining('PDVEND_PUSH_URL')])
  })

  test('wrong credentials are named, on both versions', async () => {
    for (const protocol of ['5', '3.1.1']) {
      const error = await refusal({ PDVEND_PUSH_PASSWORD: 'guess', PDVEND_PUSH_PROTOCOL: protocol })
      expect([error.code, error.message]).toEqual(['UNAUTHENTICATED', expect.stringMatching(/PDVEND_PUSH_USERNAME.*PDVEND_PUSH_PASSWORD/)])
      expect(error.message).not.toContain('guess')
    }
  })

  test('a password in plain text to another machine is refused before anything is sent, unless its host is named', async () => {
    for (const setting of ['PDVEND_PUSH_URL', 'PDVEND_PUSH_URLS']) {
      const error = await refusal({ [setting]: 'mqtt://broker.invalid:1883' })
      expect([error.code, error.message]).toEqual(['CONFIG_INVALID', expect.stringMatching(`${setting}.*PDVEND_PUSH_PLAINTEXT_HOSTS`)])
    }
    const allowed = await refusal({ PDVEND_PUSH_URL: 'mqtt://broker.invalid:1883', PDVEND_PUSH_PLAINTEXT_HOSTS: 'broker.invalid' })
    expect(allowed.code).toBe('UNAVAILABLE')
    const inUrl = await refusal({ PDVEND_PUSH_URL: `mqtt://pdvend-app:hunter2@127.0.0.1:${port()}` })
    expect([inUrl.code, inUrl.message]).toEqual(['CONFIG_INVALID', expect.stringContaining('PDVEND_PUSH_PASSWORD')])
    expect(inUrl.message).not.toContain('hunter2')
  })

  test('an unreachable journal is named', async () => {
    const error = await refusal({ PDVEND_PUSH_JOURNAL: 'postgres://pdvend:hunter2@127.0.0.1:1/pdvend' })
    expect(error.message).toContain('PDVEND_PUSH_JOURNAL')
    expect(error.message).not.toContain('hunter2')
  })

  test('a start that fails leaves no connection behind, to a journal that answers late either', async () => {
    const journal = new URL(engine.env.PDVEND_PUSH_JOURNAL!)
    const late = await startLateLink(journal.hostname, Number(journal.port), 50)
    journal.port = String(late.port)
    const api = { PDVEND_PUSH_API_URL: 'http://127.0.0.1:1', PDVEND_PUSH_API_KEY: 'pdvend', PDVEND_PUSH_API_SECRET: 'hunter2' }
    const error = await refusal({ ...api, PDVEND_PUSH_JOURNAL: journal.href })
    expect([error.code, error.message]).toEqual(['UNAVAILABLE', expect.stringContaining('PDVEND_PUSH_API_URL')])
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect(late.open).toBe(0)
    late.stop()
  })

  test('a broker that refuses MQTT 5 is spoken to in 3.1.1, and named where 5 is asked for', async () => {
    const old = `mqtt://127.0.0.1:${await front((level) => (level === 5 ? Buffer.from([0x20, 2, 0, 1]) : undefined))}`
    const error = await refusal({ PDVEND_PUSH_URL: old, PDVEND_PUSH_PROTOCOL: '5' })
    expect([error.code, error.message]).toEqual(['CONFIG_INVALID', expect.stringContaining('PDVEND_PUSH_PROTOCOL')])
    const driver = await openDriver({ ...engine.env, PDVEND_PUSH_URL: old })
    expect(driver.facts).toMatchObject({
      protocol: 'MQTT 3.1.1',
      'device credentials': 'dynsec',
      broker: expect.stringContaining('mosquitto'),
    })
    await driver.close()
  })

  test('a broker that lets anyone in is refused, or warned of', async () => {
    const open = `mqtt://127.0.0.1:${await front((level, named) => (named ? undefined : Buffer.from(level === 5 ? [0x20, 3, 0, 0, 0] : [0x20, 2, 0, 0])))}`
    const error = await refusal({ PDVEND_PUSH_URL: open })
    expect([error.code, error.message]).toEqual(['CONFIG_INVALID', expect.stringContaining('PDVEND_PUSH_ANONYMOUS')])
    const warnings: string[] = []
    const log: Logger = { ...silentLogger, warn: (_fields, message) => void warnings.push(message) }
    await (await openDriver({ ...engine.env, PDVEND_PUSH_URL: open, PDVEND_PUSH_ANONYMOUS: 'warn' }, log)).close()
    expect(warnings.join()).toMatch(/without a password/)
  })

  test('without a journal it says so, and refuses what needs one', async () => {
    const { PDVEND_PUSH_JOURNAL: _none, ...env } = engine.env
    const warnings: string[] = []
    const driver = await openDriver(env, { ...silentLogger, warn: (_fields, message) => void warnings.push(message) })
    expect([driver.capabilities?.journal, driver.journal]).toEqual([false, undefined])
    expect(warnings.join()).toContain('PDVEND_PUSH_JOURNAL')
    await driver.close()
  })

  test('by WebSocket the app is as good', async () => {
    const app = await openPush({ ...engine.env, PDVEND_PUSH_URL: engine.env.PDVEND_PUSH_WEBSOCKET_URL!, PDVEND_PUSH_NAMESPACE: 'ws' })
    const { device, notes } = till(() => app, 'till-1', { transport: 'ws' })
    await until(() => device.status === 'online', 'the device is online')
    await app.publish({ device: 'till-1' }, note, { n: 1 }, { waitFor: 'handled' })
    expect(notes).toEqual([1])
    await device.close()
    await app.close()
    // Long enough for a heartbeat: what the fast path loses on a busy machine comes with it.
  }, 90_000)

  test('device tokens without what they need are refused', async () => {
    const jwt = { PDVEND_PUSH_DEVICE_AUTH: 'jwt' }
    expect((await refusal(jwt)).message).toContain('PDVEND_PUSH_JWT_SECRET')
    expect((await refusal({ ...jwt, PDVEND_PUSH_JWT_SECRET: 'x'.repeat(32) })).message).toContain('PDVEND_PUSH_API_URL')
    expect((await refusal({ ...jwt, PDVEND_PUSH_JWT_SECRET: 'short' })).message).toContain('32 bytes')
    expect((await refusal({ PDVEND_PUSH_JWT_KEY_FILE: '/nonexistent/key.pem' })).message).toContain('PDVEND_PUSH_JWT_KEY_FILE')
  })

  describe('TLS', () => {
    let secure: string
    let strict: string
    const certificate = (name: string, subject: string): { cert: string; key: string } => {
      const [cert, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)]
      const args = [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
        '-keyout',
        key,
        '-out',
        cert,
      ]
      execFileSync('openssl', [...args, '-subj', `/CN=${name}`, '-addext', `subjectAltName=${subject}`], { stdio: 'ignore' })
      return { cert, key }
    }
    const terminate = (files: { cert: string; key: string }, clients?: string): Promise<number> =>
      listen(
        createTlsServer(
          {
            cert: readFileSync(files.cert),
            key: readFileSync(files.key),
            ...(clients && { ca: readFileSync(clients), requestCert: true, rejectUnauthorized: true }),
          },
          (near) => {
            const far = connect(port(), '127.0.0.1')
            for (const socket of [near, far]) socket.on('error', () => {}).once('close', () => void (near.destroy(), far.destroy()))
            near.pipe(far).pipe(near)
          },
        ).on('tlsClientError', () => {}) as unknown as Server,
      )
    let server: ReturnType<typeof certificate>
    let client: ReturnType<typeof certificate>
    beforeAll(async () => {
      server = certificate('server', 'IP:127.0.0.1')
      client = certificate('client', 'DNS:client')
      secure = `mqtts://127.0.0.1:${await terminate(server)}`
      strict = `mqtts://127.0.0.1:${await terminate(server, client.cert)}`
    })

    test('a certificate that nobody vouches for, or of another host, is named', async () => {
      const unknown = await refusal({ PDVEND_PUSH_URL: secure })
      expect([unknown.code, unknown.message]).toEqual(['CONFIG_INVALID', expect.stringContaining('PDVEND_PUSH_CA_FILE')])
      const elsewhere = await refusal({ PDVEND_PUSH_URL: secure.replace('127.0.0.1', 'localhost'), PDVEND_PUSH_CA_FILE: server.cert })
      expect([elsewhere.code, elsewhere.message]).toEqual(['CONFIG_INVALID', expect.stringContaining('the host in PDVEND_PUSH_URL')])
    })

    test('TLS to a plain port and plain text to a TLS port are told', async () => {
      const toPlain = await refusal({ PDVEND_PUSH_URL: `mqtts://127.0.0.1:${port()}` })
      const toTls = await refusal({ PDVEND_PUSH_URL: secure.replace('mqtts', 'mqtt') })
      for (const error of [toPlain, toTls]) expect(error.message).toContain('PDVEND_PUSH_URL')
    })

    test('files that are not there are named', async () => {
      expect((await refusal({ PDVEND_PUSH_CA_FILE: join(folder, 'nothing') })).message).toContain('PDVEND_PUSH_CA_FILE')
    })

    test('a broker that wants a certificate of its clients is spoken to with one, and named without', async () => {
      const without = await refusal({ PDVEND_PUSH_URL: strict, PDVEND_PUSH_CA_FILE: server.cert })
      expect(['UNAUTHENTICATED', 'UNAVAILABLE']).toContain(without.code)
      expect(without.message).toMatch(/PDVEND_PUSH_(CERT_FILE|URL)/)
      const files = { PDVEND_PUSH_CA_FILE: server.cert, PDVEND_PUSH_CERT_FILE: client.cert, PDVEND_PUSH_KEY_FILE: client.key }
      const app = await openPush({ ...engine.env, ...files, PDVEND_PUSH_URL: strict, PDVEND_PUSH_NAMESPACE: 'tls' })
      const urls = [engine.env.PDVEND_PUSH_URL!]
      const { device, notes } = till(() => app, 'till-1', { via: (connection) => ({ ...connection, urls }) })
      await until(() => device.status === 'online', 'the device is online')
      await app.publish({ device: 'till-1' }, note, { n: 1 }, { waitFor: 'handled' })
      expect(notes).toEqual([1])
      await device.close()
      await app.close()
    })
  })
})
