import pg from 'pg'
import { type Logger, PortError } from '@pdvend/ports'
import { orAborted } from './abort.js'
import type { Address } from './address.js'
import type { Checked } from './config.js'
import { fail } from './errors.js'
import { Slots } from './slots.js'

/** A prepared statement: parsed once on each connection. */
export interface Statement {
  readonly name: string
  readonly text: string
}

export type Row = Readonly<Record<string, unknown>>
export type Query = (text: string, values?: readonly unknown[]) => Promise<readonly Row[]>

/** How much longer than the server's own limit a connection may be silent, in milliseconds: then nobody is there. */
const SILENCE_MS = 1_000

/** PostgreSQL's oids of bigint and numeric: sequences and times, all within 2^53. */
const NUMBERS: ReadonlySet<number> = new Set([20, 1700])

/**
 * What each connection is set to: commits that are on disk whatever the database's default says; a snapshot a statement; and no
 * plan that reads a whole table, for each statement has its index and a plan that was made while the tables were small would
 * outlive that.
 */
const SESSION = `SELECT set_config('statement_timeout', $1, false),
  set_config('default_transaction_isolation', 'read committed', false), set_config('enable_seqscan', 'off', false),
  set_config('client_min_messages', 'warning', false),
  set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)`

/** The only seam to the engine: a pool that makes a connection when one is wanted, and anew after the server was away. */
export class Client {
  readonly #pool: pg.Pool
  readonly #slots: Slots
  #closed: Promise<void> | undefined
  /** Runs on each new connection; throws where it must not be used. */
  onConnection: ((query: Query) => Promise<void>) | undefined

  constructor(address: Address, settings: Checked, log: Logger) {
    const { host, port, user, password, database, applicationName, tls } = address
    this.#slots = new Slots(settings.poolSize)
    this.#pool = new pg.Pool({
      host,
      port,
      ssl: tls,
      application_name: applicationName,
      ...(user === undefined ? {} : { user }),
      ...(password === undefined ? {} : { password }),
      ...(database === undefined ? {} : { database }),
      max: settings.poolSize,
      connectionTimeoutMillis: settings.connectTimeoutMs,
      query_timeout: settings.statementTimeoutMs + SILENCE_MS,
      idleTimeoutMillis: 60_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      allowExitOnIdle: true,
      types: {
        getTypeParser: (oid: number, format?: string) => (NUMBERS.has(oid) ? Number : pg.types.getTypeParser(oid, format as 'text')),
      },
      // pg-pool waits for it (3.14), though its types say void.
      onConnect: ((client) => this.#prepare(client, settings)) as (client: pg.ClientBase) => void,
    })
    this.#pool.on('error', (error) => log.debug({ port: 'push', error: error.message }, 'an idle connection of the journal broke'))
  }

  /** Runs one statement. An abort lets go at once, and of the connection, too: nobody knows when it will be free. */
  run(operation: string, { name, text }: Statement, values: readonly unknown[], signal?: AbortSignal): Promise<readonly Row[]> {
    return this.#use(operation, signal, async (client) => (await client.query<Row>({ name, text, values: [...values] })).rows)
  }

  /** Several statements on one connection; a transaction that is open when `work` throws goes with the connection. */
  session<T>(operation: string, signal: AbortSignal | undefined, work: (query: Query) => Promise<T>): Promise<T> {
    return this.#use(operation, signal, (client) => work(async (text, values = []) => (await client.query<Row>(text, [...values])).rows))
  }

  close(): Promise<void> {
    this.#closed ??= this.#pool.end()
    return this.#closed
  }

  async #prepare(client: pg.ClientBase, { statementTimeoutMs }: Checked): Promise<void> {
    // A connection that breaks tells its query and, beside that, emits an error, which would end the process.
    client.on('error', ignore)
    await client.query(SESSION, [String(statementTimeoutMs)])
    await this.onConnection?.(async (text, values = []) => (await client.query<Row>(text, [...values])).rows)
  }

  async #use<T>(operation: string, signal: AbortSignal | undefined, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    if (this.#closed) throw new PortError('CLOSED', { operation, detail: 'the journal is closed' })
    await this.#slots.take(signal)
    let client: pg.PoolClient | undefined
    try {
      client = await orAborted(this.#pool.connect(), signal, (late) => late.release())
      const result = await orAborted(work(client), signal)
      client.release()
      return result
    } catch (cause) {
      client?.release(operation === 'open' || !leavesItSound(cause))
      throw signal?.aborted && cause === signal.reason ? cause : fail(operation, cause)
    } finally {
      this.#slots.release()
    }
  }
}

/** What the server refused leaves the connection as it was; not so where it ends (57, 08) or has become a standby (25): then look anew. */
function leavesItSound(cause: unknown): boolean {
  return cause instanceof pg.DatabaseError && !/^(57P|08|25)/.test(cause.code ?? '57P')
}

function ignore(): void {}
