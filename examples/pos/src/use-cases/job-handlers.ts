import { injectable } from 'inversify'
import { handle, type Handler } from '@pdvend/ports'
import { importCatalogue, issueReceipt } from '../contracts/jobs.js'
import { ImportCatalogue } from './import-catalogue.js'
import { IssueReceipt } from './issue-receipt.js'
import { RunningJobs } from './running-jobs.js'

/** The shop's background work: what `jobs.work` takes. */
@injectable()
export class JobHandlers {
  readonly all: readonly Handler[]

  constructor(receipts: IssueReceipt, imports: ImportCatalogue, running: RunningJobs) {
    this.all = [
      handle(issueReceipt, ({ saleId }, job) => running.watch(job, saleId, () => receipts.run(saleId, job.signal))),
      handle(importCatalogue, ({ importId }, job) => running.watch(job, importId, () => imports.run(importId, job.signal))),
    ]
  }
}
