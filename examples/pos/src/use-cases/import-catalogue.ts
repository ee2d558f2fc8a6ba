import { injectable } from 'inversify'
import { BlobStorage, discard, PortError, PushNotifications, Telemetry } from '@pdvend/ports'
import type { ImportReport } from '../contracts/api.js'
import { catalogueImported } from '../contracts/events.js'
import { catalogueChanged } from '../contracts/messages.js'
import { readSupplierFile } from '../csv/supplier-file.js'
import { Catalogue } from './catalogue.js'
import { Imports } from './imports.js'
import { importFileKey } from './keys.js'

/** Largest supplier file in bytes: some 100,000 products. */
export const MAX_CSV_BYTES = 8 * 1024 * 1024

const SHOWN_PROBLEMS = 100

/** The job `catalogue.import`. Run again after a crash it stores the same products and changes nothing twice. */
@injectable()
export class ImportCatalogue {
  constructor(
    private readonly blobs: BlobStorage,
    private readonly catalogue: Catalogue,
    private readonly imports: Imports,
    private readonly push: PushNotifications,
    private readonly telemetry: Telemetry,
  ) {}

  async run(importId: string, signal: AbortSignal): Promise<ImportReport> {
    const started = Date.now()
    const { offers, problems, rows } = await this.#file(importId)
    // In the store and not in the queue: not every engine's queue can be asked for one job.
    const tell = (stored: number): Promise<void> => this.imports.amend(importId, (record) => ({ ...record, progress: { rows, stored } }))
    await tell(0)
    const { added, changed, unchanged } = await this.catalogue.store(offers, async (stored) => {
      signal.throwIfAborted()
      await tell(stored)
    })
    const refused = rows - offers.length
    const shown = problems.slice(0, SHOWN_PROBLEMS)
    const report = { rows, added, changed, unchanged, refused, problems: shown, tookMs: Date.now() - started }
    await this.imports.amend(importId, (record) => ({ ...record, report }))
    // Also when nothing changed: an earlier attempt may have stored it all and ended before this.
    await this.push.publish({ all: true }, catalogueChanged, { reason: 'import' }, { replaceKey: 'catalogue' })
    this.telemetry.emit(catalogueImported, { importId, rows, changed: added + changed, refused }, { id: `import-${importId}` })
    return report
  }

  async #file(importId: string) {
    try {
      await using reader = await this.blobs.get(importFileKey(importId))
      return readSupplierFile(await reader.bytes({ maxBytes: MAX_CSV_BYTES }))
    } catch (error) {
      // What is wrong with the file stays wrong: no retry.
      if (PortError.is(error, 'NOT_FOUND', 'TOO_LARGE')) throw discard(`the file of import ${importId}: ${error.message}`)
      throw error
    }
  }
}
