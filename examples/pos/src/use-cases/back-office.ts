import { injectable } from 'inversify'
import { JobQueue, Telemetry } from '@pdvend/ports'
import { catalogueEtag, type DeadJobRow, type EventRow, type OfficeView, type PortRow } from '../contracts/api.js'
import { Devices } from './devices.js'
import { Imports } from './imports.js'
import { RunningJobs } from './running-jobs.js'
import { ShowSales } from './sales-figures.js'
import { ShowCatalogue } from './show-catalogue.js'
import { StoredFiles } from './stored-files.js'

/** What the running app knows of its own ports; `main` gives it. The class is its own identifier for the container. */
export abstract class Ports {
  abstract readonly profile: string
  abstract health(): Promise<readonly PortRow[]>
}

const SHOWN_DEAD = 50

/** Everything that the back office shows, and what its buttons do. */
@injectable()
export class BackOffice {
  readonly #folders = new Kept(10_000, () => this.files.folders())
  readonly #ports = new Kept(5_000, () => this.ports.health())

  constructor(
    private readonly jobs: JobQueue,
    private readonly telemetry: Telemetry,
    private readonly sales: ShowSales,
    private readonly imports: Imports,
    private readonly running: RunningJobs,
    private readonly devices: Devices,
    private readonly files: StoredFiles,
    private readonly catalogue: ShowCatalogue,
    private readonly ports: Ports,
  ) {}

  async view(): Promise<OfficeView> {
    const [sales, queue, dead, folders, ports, imports, catalogue] = await Promise.all([
      this.sales.figures(),
      this.jobs.stats(),
      this.#dead(),
      this.#folders.value(),
      this.#ports.value(),
      this.imports.latest(),
      this.catalogue.current(),
    ])
    return {
      at: new Date().toISOString(),
      profile: this.ports.profile,
      sales: sales ?? null,
      queue,
      running: this.running.list(),
      dead,
      devices: this.devices.list(),
      folders,
      ports,
      imports,
      catalogue: catalogueEtag(catalogue.tag),
      ledger: this.telemetry.ledger(),
    }
  }

  /** Sends dead jobs back to work; gives how many. */
  redrive(ids: readonly string[]): Promise<number> {
    return this.jobs.dead.redrive({ ids })
  }

  /** Gives dead jobs up for good; gives how many. */
  discard(ids: readonly string[]): Promise<number> {
    return this.jobs.dead.discard({ ids })
  }

  /** Rows of the telemetry table, newest first; undefined where the profile's telemetry cannot be read back. */
  async events(type: string, from: Date, limit: number): Promise<readonly EventRow[] | undefined> {
    if (!this.telemetry.capabilities.query) return undefined
    const rows = await this.telemetry.query({ type, from, limit })
    return rows.map(({ id, at, data }) => ({ id, type, at: at.toISOString(), data }))
  }

  async #dead(): Promise<readonly DeadJobRow[]> {
    const rows: DeadJobRow[] = []
    for await (const { id, name, key, reason, errors, attempts, diedAt } of this.jobs.dead.list()) {
      rows.push({ id, name, reason, error: errors[0] ?? '', attempts, diedAt: diedAt.toISOString(), subject: key ?? '' })
      if (rows.length === SHOWN_DEAD) break
    }
    return rows
  }
}

/** A value that costs something, read again at most every `ms` milliseconds. */
class Kept<T> {
  #value: Promise<T> | undefined
  #at = 0

  constructor(
    private readonly ms: number,
    private readonly read: () => Promise<T>,
  ) {}

  value(): Promise<T> {
    if (this.#value !== undefined && Date.now() - this.#at < this.ms) return this.#value
    const value = this.read()
    value.catch(() => (this.#value = undefined))
    this.#value = value
    this.#at = Date.now()
    return value
  }
}
