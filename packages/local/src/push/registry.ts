import { join } from 'node:path'
import { mkdirSync } from 'node:fs'
import { PortError, type PresenceFact } from '@pdvend/ports'
import { type Bell, openBell } from '../sqlite/bell.js'
import { type Database, openDatabase, type Row } from '../sqlite/database.js'

/**
 * What the processes of one data directory agree on: who hosts the broker, which devices may connect, who is there. Not in
 * the journal's file: here next to nothing is written, so that the broker may ask on each message whether anything changed.
 */
const migrations: readonly string[] = [
  `CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
   INSERT INTO meta VALUES ('key', randomblob(32));
   CREATE TABLE host (
     one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL, instance TEXT,
     address TEXT NOT NULL, tcp_port INTEGER NOT NULL, ws_port INTEGER NOT NULL);
   INSERT INTO host VALUES (1, 0, NULL, '', 0, 0);
   CREATE TABLE devices (
     ns TEXT NOT NULL, device TEXT NOT NULL, generation INTEGER NOT NULL, groups TEXT NOT NULL,
     PRIMARY KEY (ns, device)) WITHOUT ROWID;
   CREATE TABLE presence (
     ns TEXT NOT NULL, device TEXT NOT NULL, version INTEGER NOT NULL, state TEXT NOT NULL, at INTEGER NOT NULL, reason TEXT,
     PRIMARY KEY (ns, device)) WITHOUT ROWID;`,
]

/** Who hosts the broker; `instance` undefined = nobody, the ports are the last ones. */
export interface HostRow {
  readonly epoch: number
  readonly instance: string | undefined
  readonly address: string
  readonly tcpPort: number
  readonly wsPort: number
}

export interface DeviceRow {
  readonly generation: number
  readonly groups: ReadonlySet<string>
}

export class Registry {
  readonly #cache = new Map<string, DeviceRow | undefined>()
  readonly #bell: Bell
  #seenVersion: unknown
  #closed = false

  private constructor(private readonly database: Database) {
    this.#bell = openBell(`${database.file}.bell`)
  }

  static async open(directory: string): Promise<Registry> {
    const folder = join(directory, 'push')
    try {
      // The key that signs credentials is in there: nobody else may look.
      mkdirSync(folder, { recursive: true, mode: 0o700 })
    } catch (cause) {
      const detail = 'cannot make a directory in PDVEND_LOCAL_DIR: check that it is a directory that the process may write to'
      throw new PortError('CONFIG_INVALID', { adapter: 'local-push', operation: 'open', detail, cause })
    }
    return new Registry(await openDatabase(join(folder, 'registry.db'), migrations))
  }

  /** Calls `listener` when any process has changed something; returns how to stop. */
  onChange(listener: () => void): () => void {
    return this.#bell.listen(listener)
  }

  key(): Uint8Array {
    return this.database.prepare(`SELECT value FROM meta WHERE name = 'key'`).get()!.value as Uint8Array
  }

  host(): HostRow {
    const { epoch, instance, address, tcp_port, ws_port } = this.database.prepare('SELECT * FROM host').get()!
    return {
      epoch: Number(epoch),
      instance: instance === null ? undefined : String(instance),
      address: String(address),
      tcpPort: Number(tcp_port),
      wsPort: Number(ws_port),
    }
  }

  /** Becomes host if nobody has since `seen`; gives the new epoch, or undefined when another was faster. */
  async claim(seen: number, me: Omit<HostRow, 'epoch'>): Promise<number | undefined> {
    const claimed = await this.#write(
      () =>
        this.database
          .prepare('UPDATE host SET epoch = epoch + 1, instance = ?, address = ?, tcp_port = ?, ws_port = ? WHERE epoch = ?')
          .run(me.instance ?? null, me.address, me.tcpPort, me.wsPort, seen) > 0,
    )
    return claimed ? seen + 1 : undefined
  }

  /** Gives the place up; the ports stay known, so that the next host takes them. */
  async release(epoch: number): Promise<void> {
    await this.#write(() => this.database.prepare('UPDATE host SET instance = NULL WHERE epoch = ?').run(epoch))
  }

  /** Undefined for a device that never had credentials. Fresh on every call, at the price of one pragma. */
  device(ns: string, device: string): DeviceRow | undefined {
    const version = this.database.prepare('PRAGMA data_version').get()!.data_version
    if (version !== this.#seenVersion) this.#cache.clear()
    this.#seenVersion = version
    const key = `${ns}/${device}`
    if (this.#cache.has(key)) return this.#cache.get(key)
    const row = this.database.prepare('SELECT generation, groups FROM devices WHERE ns = ? AND device = ?').get(ns, device)
    const found = row && { generation: Number(row.generation), groups: new Set(JSON.parse(String(row.groups)) as string[]) }
    this.#cache.set(key, found)
    return found
  }

  async admit(ns: string, device: string, groups: readonly string[]): Promise<DeviceRow> {
    await this.#write(() =>
      this.database
        .prepare(
          `INSERT INTO devices (ns, device, generation, groups) VALUES (?, ?, 1, ?)
           ON CONFLICT (ns, device) DO UPDATE SET groups = excluded.groups WHERE groups <> excluded.groups`,
        )
        .run(ns, device, JSON.stringify([...groups].sort())),
    )
    return this.device(ns, device)!
  }

  /** Every password that was issued before is refused from now on. */
  async revoke(ns: string, device: string): Promise<void> {
    await this.#write(() =>
      this.database.prepare('UPDATE devices SET generation = generation + 1 WHERE ns = ? AND device = ?').run(ns, device),
    )
  }

  presence(ns: string, device: string): PresenceFact | undefined {
    const row = this.database.prepare('SELECT * FROM presence WHERE ns = ? AND device = ?').get(ns, device)
    return row && factOf(row)
  }

  /** Devices that a former host left as online. */
  onlineBefore(version: number): readonly (PresenceFact & { readonly ns: string })[] {
    const rows = this.database.prepare(`SELECT * FROM presence WHERE state = 'online' AND version < ?`).all(version)
    return rows.map((row) => ({ ns: String(row.ns), ...factOf(row) }))
  }

  /** A later fact stays: version first, then the end over the beginning. Does not ring: the host tells the app by topic. */
  async putPresence(ns: string, { device, version, state, at, reason }: PresenceFact): Promise<void> {
    await this.database.write(() =>
      this.database
        .prepare(
          `INSERT INTO presence (ns, device, version, state, at, reason) VALUES (?, ?, ?, ?, ?, ?)
           ON CONFLICT (ns, device) DO UPDATE SET version = excluded.version, state = excluded.state, at = excluded.at, reason = excluded.reason
           WHERE excluded.version > version OR (excluded.version = version AND excluded.state = 'offline' AND state = 'online')`,
        )
        .run(ns, device, version, state, at, reason ?? null),
    )
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#bell.close()
    await this.database.close()
  }

  async #write<T>(work: () => T): Promise<T> {
    const result = await this.database.write(work)
    // This connection's own writes do not show in data_version.
    this.#cache.clear()
    this.#bell.ring()
    return result
  }
}

function factOf({ device, version, state, at, reason }: Row): PresenceFact {
  const why = reason === null ? {} : { reason: reason as NonNullable<PresenceFact['reason']> }
  return { device: String(device), version: Number(version), state: state as PresenceFact['state'], at: Number(at), ...why }
}
