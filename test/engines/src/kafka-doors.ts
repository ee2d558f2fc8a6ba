import { cp, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { bootFolder, brokerCommand } from './engines/kafka-boot.js'
import { kafka } from './engines/kafka.js'
import { alone, writeProperties } from './engines/kafka-properties.js'
import { addScramUser, brokerServes } from './engines/kafka-wire.js'
import { makePlace, runOn, toStandardError, type LaunchOptions } from './launch.js'
import type { Plan, RunningEngine } from './launcher.js'
import { needTool, run } from './provision/command.js'
import { sweep } from './process/run-folder.js'

export interface KafkaDoorsOptions extends Pick<LaunchOptions, 'version' | 'report'> {
  /** What `doors.proxied` tells its clients to come back to, e.g. a network proxy in front of it. Default: itself. */
  readonly advertised?: string
  /** Further lines of `server.properties`. */
  readonly settings?: Readonly<Record<string, string>>
}

/** One broker with several ways in, each `host:port`. `url` is the plain one. */
export interface KafkaDoors extends RunningEngine {
  readonly doors: {
    /** Plain, for who comes through a proxy. */
    readonly proxied: string
    /** Wants user and password, without TLS: PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. */
    readonly sasl: string
    /** TLS by the name `localhost`, for which its certificate is; `127.0.0.1` is no name of it. */
    readonly tls: string
    /** TLS, user and password. */
    readonly saslTls: string
  }
  readonly username: string
  readonly password: string
  /** PEM file of the certificate, which signs itself. */
  readonly caFile: string
}

const username = 'pdvend'
const password = 'segredo-de-teste'

/** Starts it on loopback, never one that the environment names. */
export async function startKafkaDoors(options: KafkaDoorsOptions = {}): Promise<KafkaDoors> {
  const { version = kafka.versions[0], report = toStandardError, settings = {} } = options
  await sweep()
  const home = (await kafka.find(version)) ?? (await kafka.provision(version, report))
  const boot = await bootFolder(home, version, report)
  const place = await makePlace({ ...kafka, ports: 6 }, version, 'mine')
  const [port, , proxied, sasl, tls, saslTls] = place.ports
  const { caFile, keyStore } = await selfSigned(place.folder)
  const file = join(place.folder, 'server.properties')
  const login = (mechanism: string, module: string, rest = ''): Record<string, string> =>
    Object.fromEntries(
      ['sasl', 'sasltls'].map((door) => [
        `listener.name.${door}.${mechanism}.sasl.jaas.config`,
        `org.apache.kafka.common.security.${module} required${rest};`,
      ]),
    )
  const advertised = options.advertised ?? `127.0.0.1:${proxied}`
  const extra = {
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${place.ports[1]},PROXIED://127.0.0.1:${proxied},SASL://127.0.0.1:${sasl},TLS://127.0.0.1:${tls},SASLTLS://127.0.0.1:${saslTls}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},PROXIED://${advertised},SASL://127.0.0.1:${sasl},TLS://localhost:${tls},SASLTLS://localhost:${saslTls}`,
    'listener.security.protocol.map':
      'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SSL,SASLTLS:SASL_SSL',
    'inter.broker.listener.name': 'PLAINTEXT',
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    ...login('plain', 'plain.PlainLoginModule', ` user_${username}="${password}"`),
    ...login('scram-sha-256', 'scram.ScramLoginModule'),
    ...login('scram-sha-512', 'scram.ScramLoginModule'),
    'ssl.keystore.type': 'PKCS12',
    'ssl.keystore.location': keyStore,
    'ssl.keystore.password': password,
    'ssl.key.password': password,
    ...settings,
  }
  const plan: Plan = {
    url: `127.0.0.1:${port}`,
    ...(await brokerCommand(home, boot, file)),
    prepare: async () => {
      await writeProperties(file, place, alone(place), extra)
      if ((await readdir(place.data)).length === 0) await cp(join(boot, 'template'), place.data, { recursive: true })
    },
    ready: () => brokerServes(port!),
  }
  const engine = await runOn(kafka, place, plan)
  try {
    await addScramUser(port!, username, password)
  } catch (error) {
    await engine.stop()
    throw error
  }
  return Object.assign(engine, {
    doors: { proxied: `127.0.0.1:${proxied}`, sasl: `127.0.0.1:${sasl}`, tls: `localhost:${tls}`, saslTls: `localhost:${saslTls}` },
    username,
    password,
    caFile,
  })
}

/** A certificate for `localhost`, in Java's form and in PEM. */
async function selfSigned(folder: string): Promise<{ readonly caFile: string; readonly keyStore: string }> {
  const keytool = await needTool('keytool', 'certificates are made by the keytool of Java')
  const [keyStore, caFile] = [join(folder, 'kafka.p12'), join(folder, 'ca.pem')]
  const store = ['-alias', 'kafka', '-keystore', keyStore, '-storetype', 'PKCS12', '-storepass', password]
  const names = ['-dname', 'CN=localhost', '-ext', 'SAN=dns:localhost']
  await run(keytool, ['-genkeypair', ...store, '-keyalg', 'EC', '-groupname', 'secp256r1', '-validity', '3650', ...names])
  await run(keytool, ['-exportcert', '-rfc', ...store, '-file', caFile])
  return { caFile, keyStore }
}
