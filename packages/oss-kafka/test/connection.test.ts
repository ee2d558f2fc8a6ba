import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as zlib from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type KafkaDoors, startKafkaDoors, whyMissing } from '@pdvend/engines'
import { PortError, readSettings } from '@pdvend/ports'
import { isLoopback } from '../src/connection.js'
import { openClient } from '../src/client.js'
import { ossKafkaTelemetry } from '../src/telemetry/index.js'
import { deps, provisionTelemetry } from './telemetry-engine.js'

type Env = Readonly<Record<string, string>>

/** Opens the adapter as an app would; gives the refusal, or undefined. */
async function refusalOf(env: Env): Promise<PortError | undefined> {
  const read = await readSettings(ossKafkaTelemetry.config, env)
  if (read.problems !== undefined) throw new Error(JSON.stringify(read.problems))
  const signal = AbortSignal.timeout(25_000)
  try {
    const driver = await ossKafkaTelemetry.open(read.settings, { ...deps, signal })
    await driver.close()
    return undefined
  } catch (error) {
    if (!PortError.is(error)) throw error
    return error
  }
}

const named = (...parts: readonly string[]): Env =>
  Object.fromEntries(
    parts.map((part) => {
      const [name, value] = part.split('=') as [string, string]
      return [`PDVEND_TELEMETRY_${name}`, value]
    }),
  )

describe('what needs no broker', () => {
  test('loopback is told from what is not, by address and not by a look at the name', () => {
    for (const address of ['localhost:9092', '127.0.0.1:9092', '127.8.8.8:1', '[::1]:9092', 'kafka.localhost:9092'])
      expect([address, isLoopback(address)]).toEqual([address, true])
    for (const address of [
      'kafka:9092',
      '10.0.0.1:9092',
      '[fe80::1]:9092',
      '127.0.0.1.example:9092',
      'localhost.example:9092',
      '0.0.0.0:9092',
    ])
      expect([address, isLoopback(address)]).toEqual([address, false])
  })

  test('a password over plain text is refused unless it stays on this machine or is allowed by name', async () => {
    const env = named('BROKERS=10.255.255.1:9092,127.0.0.1:1', 'SASL=plain', 'USERNAME=u', 'PASSWORD=p', 'CONNECT_TIMEOUT_MS=200')
    const error = await refusalOf(env)
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
    expect(error!.message).toMatch(/10\.255\.255\.1:9092.*PDVEND_TELEMETRY_TLS=true.*PDVEND_TELEMETRY_PLAINTEXT_PASSWORD=true/)
    expect(error!.message).not.toMatch(/127\.0\.0\.1/)
    expect(await refusalOf({ ...env, ...named('PLAINTEXT_PASSWORD=true') })).toMatchObject({ code: 'UNAVAILABLE' })
  })

  test('everything that is wrong with the files and the password is told at once', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pdvend-kafka-'))
    const notPem = join(folder, 'ca.pem')
    await writeFile(notPem, 'certificate')
    const error = await refusalOf(named('BROKERS=kafka', `TLS_CA_FILE=${notPem}`, 'TLS_CERT_FILE=/nowhere.pem', 'USERNAME=u'))
    await rm(folder, { recursive: true })
    expect(error!.code).toBe('CONFIG_INVALID')
    for (const part of [
      'PDVEND_TELEMETRY_TLS_CA_FILE is set without PDVEND_TELEMETRY_TLS=true',
      'which is no PEM file',
      '/nowhere.pem, which cannot be read: ENOENT',
      'PDVEND_TELEMETRY_TLS_CERT_FILE and PDVEND_TELEMETRY_TLS_KEY_FILE belong together',
      'need PDVEND_TELEMETRY_SASL',
    ])
      expect(error!.message).toContain(part)
  })

  test('a compression that the client or this Node.js does not have', async () => {
    const kafkajs = await refusalOf(named('BROKERS=127.0.0.1:1', 'COMPRESSION=snappy'))
    expect(kafkajs!.message).toMatch(/CONFIG_INVALID.*PDVEND_TELEMETRY_COMPRESSION=snappy needs PDVEND_TELEMETRY_CLIENT=platformatic/)
    const zstd = await refusalOf(named('BROKERS=127.0.0.1:1', 'COMPRESSION=zstd', 'CLIENT=platformatic'))
    expect(zstd!.code).toBe('zstdCompressSync' in zlib ? 'UNAVAILABLE' : 'CONFIG_INVALID')
  })

  test('brokers are host and port, without a scheme', async () => {
    for (const brokers of ['kafka://a:9092', 'a:99999', 'a:9092;b:9092', ',', 'a b'])
      expect([brokers, (await readSettings(ossKafkaTelemetry.config, named(`BROKERS=${brokers}`))).problems?.[0]?.env]).toEqual([
        brokers,
        'PDVEND_TELEMETRY_BROKERS',
      ])
    const read = await readSettings(ossKafkaTelemetry.config, named('BROKERS=kafka-1, [::1]:9093,10.0.0.1:9092'))
    expect(read).toHaveProperty('settings.brokers', ['kafka-1', '[::1]:9093', '10.0.0.1:9092'])
  })
})

const reason = await whyMissing('kafka', { named: false })

for (const client of ['kafkajs', 'platformatic'])
  describe(`wrong settings, through ${client}`, () => {
    const via = (...parts: readonly string[]): Env =>
      named(`CLIENT=${client}`, 'TOPIC=events', 'PARTITIONS=2', 'CONNECT_TIMEOUT_MS=1500', 'REQUEST_TIMEOUT_MS=3000', ...parts)

    test('nobody listens there, or the name does not resolve', async () => {
      for (const brokers of ['127.0.0.1:1', 'kafka.invalid:9092']) {
        const error = await refusalOf(via(`BROKERS=${brokers}`))
        expect(error).toMatchObject({ code: 'UNAVAILABLE', retryable: true, adapter: 'oss-kafka-telemetry', operation: 'open' })
        expect(error!.message).toContain('PDVEND_TELEMETRY_BROKERS')
      }
    })

    test('something that is no Kafka: a web server, and one that never answers', async () => {
      const web = await listen((socket) => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')))
      const silent = await listen(() => {})
      for (const server of [web, silent]) {
        const error = await refusalOf(via(`BROKERS=127.0.0.1:${(server.address() as AddressInfo).port}`))
        expect(error!.message).toMatch(/PDVEND_TELEMETRY_(BROKERS|TLS)/)
        await stop(server)
      }
    })

    // No broker this old runs on Java 17: a server plays back what Kafka 0.10.2 answers to ApiVersions.
    test('a Kafka that is too old (recorded: the ApiVersions of 0.10.2)', async () => {
      const server = await listen(playOldBroker)
      const error = await refusalOf(via(`BROKERS=127.0.0.1:${(server.address() as AddressInfo).port}`))
      await stop(server)
      expect(error).toMatchObject({ code: 'UNSUPPORTED' })
      expect(error!.message).toMatch(/PDVEND_TELEMETRY_BROKERS is too old.*3\.9 or later/)
    })

    const describeHere = reason === undefined ? describe : describe.skip
    describeHere(`on Apache Kafka${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
      let kafka: KafkaDoors
      beforeAll(async () => {
        kafka = await startKafkaDoors()
        await provisionTelemetry(via(`BROKERS=${kafka.url}`))
      }, 120_000)
      afterAll(async () => kafka?.stop())

      const login = (sasl: string, password = kafka.password): readonly string[] => [
        `SASL=${sasl}`,
        `USERNAME=${kafka.username}`,
        `PASSWORD=${password}`,
      ]
      const trust = (): readonly string[] => ['TLS=true', `TLS_CA_FILE=${kafka.caFile}`]

      test('right settings open on every door', async () => {
        const { doors } = kafka
        for (const parts of [
          [`BROKERS=${doors.proxied}`],
          [`BROKERS=127.0.0.1:1,${doors.proxied}`],
          [`BROKERS=${doors.sasl}`, ...login('plain')],
          [`BROKERS=${doors.sasl}`, ...login('scram-sha-512')],
          [`BROKERS=${doors.tls}`, ...trust()],
          [`BROKERS=${doors.saslTls}`, ...trust(), ...login('scram-sha-256')],
        ])
          expect([parts, await refusalOf(via(...parts))]).toEqual([parts, undefined])
      }, 60_000)

      test('a wrong password', async () => {
        for (const sasl of ['plain', 'scram-sha-256']) {
          const error = await refusalOf(via(`BROKERS=${kafka.doors.sasl}`, ...login(sasl, 'errada')))
          expect(error).toMatchObject({ code: 'UNAUTHENTICATED' })
          expect(error!.message).toContain('PDVEND_TELEMETRY_PASSWORD')
          expect(JSON.stringify([error!.message, error])).not.toContain('errada')
        }
      })

      test('a password where none is wanted, and none where one is', async () => {
        const wanted = await refusalOf(via(`BROKERS=${kafka.url}`, ...login('plain')))
        expect(wanted!.message).toContain('PDVEND_TELEMETRY_SASL')
        const none = await refusalOf(via(`BROKERS=${kafka.doors.sasl}`))
        expect(none!.message).toContain('PDVEND_TELEMETRY_SASL')
      })

      test('TLS where there is none, and none where there is', async () => {
        const none = await refusalOf(via(`BROKERS=${kafka.url}`, ...trust()))
        expect(none!.message).toContain('PDVEND_TELEMETRY_TLS')
        const there = await refusalOf(via(`BROKERS=${kafka.doors.tls}`))
        expect(there!.message).toContain('PDVEND_TELEMETRY_TLS')
      })

      test('a certificate that nobody trusts, or that is for another name', async () => {
        const untrusted = await refusalOf(via(`BROKERS=${kafka.doors.tls}`, 'TLS=true'))
        expect(untrusted).toMatchObject({ code: 'UNAUTHENTICATED' })
        expect(untrusted!.message).toContain('PDVEND_TELEMETRY_TLS_CA_FILE')
        const other = await refusalOf(via(`BROKERS=${kafka.doors.tls.replace('localhost', '127.0.0.1')}`, ...trust()))
        expect(other).toMatchObject({ code: 'UNAUTHENTICATED' })
        expect(other!.message).toContain('for another name')
      })

      test('a topic that is missing, has too few partitions, or is compacted', async () => {
        const missing = await refusalOf(via(`BROKERS=${kafka.url}`, 'TOPIC=nowhere'))
        expect(missing).toMatchObject({ code: 'NOT_FOUND', target: 'nowhere' })
        expect(missing!.message).toMatch(/pdvend provision.*PDVEND_TELEMETRY_TOPIC/)
        const few = await refusalOf(via(`BROKERS=${kafka.url}`, 'PARTITIONS=9'))
        expect(few).toMatchObject({ code: 'CONFIG_INVALID' })
        expect(few!.message).toMatch(/2 partitions, and PDVEND_TELEMETRY_PARTITIONS asks for 9/)
        const admin = await openClient({
          client: 'kafkajs',
          brokers: [kafka.url],
          clientId: 'test',
          connectTimeoutMs: 3_000,
          requestTimeoutMs: 10_000,
        })
        await admin.admin.createTopics([
          { name: `compacted-${client}`, partitions: 2, replicas: 1, config: { 'cleanup.policy': 'compact' } },
        ])
        await admin.close()
        const compacted = await refusalOf(via(`BROKERS=${kafka.url}`, `TOPIC=compacted-${client}`))
        expect(compacted).toMatchObject({ code: 'CONFIG_INVALID' })
        expect(compacted!.message).toContain('compacted')
      })
    })
  })

const sockets = new Map<Server, Set<Socket>>()

function listen(serve: (socket: Socket) => void): Promise<Server> {
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => undefined).on('close', () => open.delete(socket))
    serve(socket)
  })
  sockets.set(server, open)
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

async function stop(server: Server): Promise<void> {
  for (const socket of sockets.get(server)!) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
}

/** API keys 0 to 20 with the versions of 0.10.2; it knows ApiVersions 0 alone, and answers newer ones with UNSUPPORTED_VERSION in that form. */
const OLD_APIS = [2, 3, 1, 2, 0, 0, 3, 1, 2, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1]

function playOldBroker(socket: Socket): void {
  let buffered = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    buffered = Buffer.concat([buffered, chunk])
    while (buffered.length >= 4 && buffered.length >= 4 + buffered.readInt32BE(0)) {
      const request = buffered.subarray(4, 4 + buffered.readInt32BE(0))
      buffered = buffered.subarray(4 + request.length)
      if (request.readInt16BE(0) !== 18) return void socket.destroy()
      const error = request.readInt16BE(2) === 0 ? 0 : 35
      const body = Buffer.alloc(4 + 4 + 2 + 4 + OLD_APIS.length * 6)
      body.writeInt32BE(body.length - 4, 0)
      request.copy(body, 4, 4, 8)
      body.writeInt16BE(error, 8)
      body.writeInt32BE(OLD_APIS.length, 10)
      for (const [key, version] of OLD_APIS.entries()) {
        body.writeInt16BE(key, 14 + key * 6)
        body.writeInt16BE(version, 18 + key * 6)
      }
      socket.write(body)
    }
  })
}
