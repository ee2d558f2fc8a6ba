import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { PortError } from '@pdvend/ports'
import { ADAPTER } from './errors.js'

/** Where the server is and how it is spoken to; what the address leaves out is the client's default (`PGUSER`, `~/.pgpass`). */
export interface Address {
  readonly host: string
  readonly port: number
  readonly user?: string
  readonly password?: string
  readonly database?: string
  readonly applicationName: string
  readonly tls: false | ConnectionOptions
  /** For errors and logs: `host:port/database`, never the user or the password. */
  readonly shown: string
}

const PARAMETERS = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'host', 'application_name'] as const
const MODES = ['disable', 'require', 'verify-ca', 'verify-full'] as const
type Mode = (typeof MODES)[number]
type Parameters = ReadonlyMap<string, string>

/**
 * Reads `postgres://user:password@host:5432/database?sslmode=verify-full`. Unlike in libpq, where nothing is said of TLS the
 * rule is `verify-full` for a host that is not this machine, and plain text to one that is not this machine wants to be named:
 * `sslmode=disable`. `sslmode=require` encrypts and believes any certificate, or those that `sslrootcert` signed, as in libpq.
 * @throws CONFIG_INVALID; its text and its cause hold nothing of the address
 */
export function parseAddress(text: string): Address {
  // The parser's own error would carry the text, and with it the password.
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^postgres(ql)?:$/.test(url.protocol)) throw wrong('give postgres://user:password@host:5432/database')
  const parameters = new Map(url.searchParams)
  for (const name of parameters.keys()) {
    if (!PARAMETERS.some((known) => known === name))
      throw wrong(`parameter ${JSON.stringify(name)} is unknown; known are ${PARAMETERS.join(', ')}`)
  }
  const host = parameters.get('host') ?? plain(decoded(url.hostname))
  if (host === '') throw wrong('it names no host')
  const port = url.port === '' ? 5_432 : Number(url.port)
  const user = decoded(url.username)
  const password = decoded(url.password)
  const database = decoded(url.pathname.slice(1))
  return {
    host,
    port,
    ...(user === '' ? {} : { user }),
    ...(password === '' ? {} : { password }),
    ...(database === '' ? {} : { database }),
    applicationName: parameters.get('application_name') ?? 'pdvend-push-journal',
    tls: tlsOf(parameters, host),
    shown: host.startsWith('/') ? `${host}/${database}` : `${host}:${port}/${database}`,
  }
}

function tlsOf(parameters: Parameters, host: string): false | ConnectionOptions {
  const named = parameters.get('sslmode')
  if (named !== undefined && !MODES.some((mode) => mode === named))
    throw wrong(`sslmode=${JSON.stringify(named)}: give one of ${MODES.join(', ')}; allow and prefer would fall back to plain text unseen`)
  const mode = (named as Mode | undefined) ?? (isThisMachine(host) ? 'disable' : 'verify-full')
  const root = parameters.get('sslrootcert')
  if (mode === 'disable') return false
  const ca = root === undefined || root === 'system' ? undefined : read('sslrootcert', root)
  const cert = parameters.has('sslcert') ? read('sslcert', parameters.get('sslcert')!) : undefined
  const key = parameters.has('sslkey') ? read('sslkey', parameters.get('sslkey')!) : undefined
  return {
    // Node compares the certificate with `host`; `pg` names the server itself where it is no number.
    ...(isIP(host) === 0 ? {} : { host }),
    rejectUnauthorized: mode !== 'require' || ca !== undefined,
    ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
}

function isThisMachine(host: string): boolean {
  return host.startsWith('/') || host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** `[::1]` as the system wants it. */
function plain(host: string): string {
  return host.startsWith('[') ? host.slice(1, -1) : host
}

function read(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw wrong(`the file of ${name}, ${JSON.stringify(path)}, cannot be read`, cause)
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw wrong('a % in it is not followed by two hexadecimal digits: write %25 for a % in a password')
  }
}

function wrong(detail: string, cause?: unknown): PortError {
  return new PortError('CONFIG_INVALID', {
    adapter: ADAPTER,
    operation: 'open',
    detail: `PDVEND_PUSH_JOURNAL: ${detail}`,
    ...(cause === undefined ? {} : { cause }),
  })
}
