import { readFile } from 'node:fs/promises'
import { BlockList, isIP } from 'node:net'
import { env, PortError, type Secret, secret, type SettingsOf } from '@pdvend/ports'
import { z } from 'zod'

/** Whose settings: each port has its own, so that jobs and telemetry may live on two clusters. */
export type ConnectionPort = 'JOBS' | 'TELEMETRY'

/** The SASL mechanisms that both clients speak. */
const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const

/** Longest wait that a setting may ask for: a day. */
const MAX_MS = 86_400_000

const milliseconds = (fallback: number) => z.coerce.number().int().min(1).max(MAX_MS).default(fallback)

/** `host:port`, with brackets around IPv6; the port may be left out. */
const brokerAddress = z
  .string()
  .regex(/^(\[[0-9a-fA-F:.]+\]|[^\s:/[\]]+)(:\d{1,5})?$/, 'give host:port, without a scheme')
  .refine((address) => Number(/:(\d+)$/.exec(address.replace(/^\[.*\]/, ''))?.[1] ?? 9_092) <= 65_535, 'a port is at most 65535')

const brokerList = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .pipe(z.array(brokerAddress).min(1).max(100))

/** How an adapter reaches Kafka: the same settings for jobs and for telemetry, under `PDVEND_JOBS_` and `PDVEND_TELEMETRY_`. */
export function connectionConfig(port: ConnectionPort) {
  return {
    brokers: env(`${port}_BROKERS`, brokerList, {
      doc: 'Brokers to start from, as host:port with commas between them; the others are learned from these',
      example: 'kafka-1.example:9092,kafka-2.example:9092',
    }),
    client: env(`${port}_CLIENT`, z.enum(['kafkajs', 'platformatic']).default('kafkajs'), {
      doc: 'Client library that speaks to the brokers; default kafkajs',
      example: 'platformatic',
    }),
    clientId: env(
      `${port}_CLIENT_ID`,
      z
        .string()
        .regex(/^[\w.-]{1,200}$/, 'use letters, digits, dot, dash and underscore')
        .default('pdvend'),
      {
        doc: "Name under which the brokers' logs and quotas know this app; default pdvend",
        example: 'pdv-loja-17',
      },
    ),
    tls: env(`${port}_TLS`, z.stringbool().default(false), {
      doc: 'Encrypts the connection and verifies the certificate of the broker; default false',
      example: 'true',
    }),
    tlsCaFile: env(`${port}_TLS_CA_FILE`, z.string().optional(), {
      doc: 'PEM file of the authorities that sign the certificates of the brokers; default: those that Node.js knows',
      example: '/etc/pdvend/kafka-ca.pem',
    }),
    tlsCertFile: env(`${port}_TLS_CERT_FILE`, z.string().optional(), {
      doc: 'PEM file of the certificate of this client, where the brokers want one',
      example: '/etc/pdvend/kafka-client.pem',
    }),
    tlsKeyFile: env(`${port}_TLS_KEY_FILE`, z.string().optional(), {
      doc: 'PEM file of the key of that certificate',
      example: '/etc/pdvend/kafka-client-key.pem',
    }),
    sasl: env(`${port}_SASL`, z.enum(MECHANISMS).optional(), {
      doc: `How the password is given: ${MECHANISMS.join(', ')}; default: no password`,
      example: 'scram-sha-512',
    }),
    username: env(`${port}_USERNAME`, z.string().optional(), { doc: 'User name for SASL', example: 'pdvend' }),
    password: secret(`${port}_PASSWORD`, { doc: 'Password for SASL' }),
    plaintextPassword: env(`${port}_PLAINTEXT_PASSWORD`, z.stringbool().default(false), {
      doc: 'Allows a password on a connection without TLS to an address that is not this machine; default false',
      example: 'true',
    }),
    connectTimeoutMs: env(`${port}_CONNECT_TIMEOUT_MS`, milliseconds(3_000), {
      doc: 'Longest wait for a connection to one broker, in milliseconds; default 3000',
      example: '3000',
    }),
    requestTimeoutMs: env(`${port}_REQUEST_TIMEOUT_MS`, milliseconds(10_000), {
      doc: 'Longest wait for one answer of a broker, in milliseconds; default 10000',
      example: '10000',
    }),
  }
}

export type ConnectionSettings = SettingsOf<ReturnType<typeof connectionConfig>>

/** What a client needs to connect, files read and checked; no client's own types. */
export interface Connection {
  readonly client: 'kafkajs' | 'platformatic'
  /** Each `host:port`. */
  readonly brokers: readonly string[]
  readonly clientId: string
  /** Present: encrypt and verify. PEM texts. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string }
  readonly sasl?: { readonly mechanism: (typeof MECHANISMS)[number]; readonly username: string; readonly password: Secret }
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
}

/**
 * Reads the files that the settings name and checks what one setting alone cannot tell; everything that is wrong is told at
 * once, by the names of the variables.
 * @throws CONFIG_INVALID
 */
export async function connectionOf(settings: ConnectionSettings, port: ConnectionPort, adapter: string): Promise<Connection> {
  const variable = (name: string): string => `PDVEND_${port}_${name}`
  const { tlsCaFile, tlsCertFile, tlsKeyFile, plaintextPassword, sasl: mechanism, username, password } = settings
  const brokers = settings.brokers.map(withPort)
  const problems: string[] = []
  const pem = async (name: string, path: string | undefined): Promise<string | undefined> => {
    if (path === undefined) return undefined
    if (!settings.tls) problems.push(`${variable(name)} is set without ${variable('TLS')}=true`)
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      problems.push(`${variable(name)} names ${path}, which cannot be read: ${error.code}`)
      return undefined
    })
    if (text !== undefined && !text.includes('-----BEGIN ')) problems.push(`${variable(name)} names ${path}, which is no PEM file`)
    return text
  }
  const tls = {
    ca: await pem('TLS_CA_FILE', tlsCaFile),
    cert: await pem('TLS_CERT_FILE', tlsCertFile),
    key: await pem('TLS_KEY_FILE', tlsKeyFile),
  }
  if ((tlsCertFile === undefined) !== (tlsKeyFile === undefined))
    problems.push(`${variable('TLS_CERT_FILE')} and ${variable('TLS_KEY_FILE')} belong together: set both or neither`)
  const credentials = [username, password].filter((part) => part !== undefined).length
  if (mechanism !== undefined && credentials < 2)
    problems.push(`${variable('SASL')}=${mechanism} needs ${variable('USERNAME')} and ${variable('PASSWORD')}`)
  if (mechanism === undefined && credentials > 0)
    problems.push(`${variable('USERNAME')} and ${variable('PASSWORD')} need ${variable('SASL')}: one of ${MECHANISMS.join(', ')}`)
  const exposed = brokers.filter((address) => !isLoopback(address))
  if (mechanism !== undefined && !settings.tls && !plaintextPassword && exposed.length > 0)
    problems.push(
      `${variable('SASL')} without TLS would show the password to the network on the way to ${exposed.join(', ')}: set ${variable('TLS')}=true, or allow it by ${variable('PLAINTEXT_PASSWORD')}=true`,
    )
  if (problems.length > 0) throw new PortError('CONFIG_INVALID', { adapter, operation: 'open', detail: problems.join('; ') })
  return {
    client: settings.client,
    brokers,
    clientId: settings.clientId,
    ...(settings.tls ? { tls: present(tls) } : {}),
    ...(mechanism === undefined ? {} : { sasl: { mechanism, username: username!, password: password! } }),
    connectTimeoutMs: settings.connectTimeoutMs,
    requestTimeoutMs: settings.requestTimeoutMs,
  }
}

/** The brokers' own default port, where none is named. */
function withPort(address: string): string {
  return /(^|\]|[^:\]]):\d+$/.test(address) ? address : `${address}:9092`
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Does `host:port` stay on this machine? Names are not resolved: only `localhost` is known to. */
export function isLoopback(address: string): boolean {
  const host = address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
  const version = isIP(host)
  if (version === 0) return host === 'localhost' || host.endsWith('.localhost')
  return loopback.check(host, version === 6 ? 'ipv6' : 'ipv4')
}

/** Without the fields that are undefined. */
function present<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as never
}
