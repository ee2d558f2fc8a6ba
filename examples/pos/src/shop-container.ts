import type { Container, Newable } from 'inversify'
import { JobQueue, PushNotifications, type Worker } from '@pdvend/ports'
import { receiptShown } from './contracts/messages.js'
import type { Shop } from './http/shop.js'
import { PdfPrinter } from './pdf/pdf-printer.js'
import { BackOffice, Ports } from './use-cases/back-office.js'
import { Catalogue } from './use-cases/catalogue.js'
import { ChangePrice } from './use-cases/change-price.js'
import { CloseSale } from './use-cases/close-sale.js'
import { ConnectTill } from './use-cases/connect-till.js'
import { Devices } from './use-cases/devices.js'
import { ImportCatalogue } from './use-cases/import-catalogue.js'
import { Imports } from './use-cases/imports.js'
import { IssueReceipt } from './use-cases/issue-receipt.js'
import { JobHandlers } from './use-cases/job-handlers.js'
import { LookUpSale } from './use-cases/look-up-sale.js'
import { OpenShop } from './use-cases/open-shop.js'
import { PictureUpload } from './use-cases/picture-upload.js'
import { ReceiptLayouts } from './use-cases/receipt-layouts.js'
import { ReceiptPrinter } from './use-cases/receipt-printer.js'
import { RunningJobs } from './use-cases/running-jobs.js'
import { ShowSales } from './use-cases/sales-figures.js'
import { ShowCatalogue } from './use-cases/show-catalogue.js'
import { StoredFiles } from './use-cases/stored-files.js'

const useCases: readonly Newable[] = [
  BackOffice,
  Catalogue,
  ChangePrice,
  CloseSale,
  ConnectTill,
  Devices,
  ImportCatalogue,
  Imports,
  IssueReceipt,
  JobHandlers,
  LookUpSale,
  OpenShop,
  PictureUpload,
  ReceiptLayouts,
  RunningJobs,
  ShowCatalogue,
  ShowSales,
  StoredFiles,
]

/** Receipts rendered at once: PDF takes CPU, and the HTTP side must go on breathing. */
const CONCURRENCY = 8

/** Adds the shop to a container that holds the four ports. */
export function bindShop(container: Container, ports: Ports): void {
  for (const useCase of useCases) container.bind(useCase).toSelf().inSingletonScope()
  container.bind(ReceiptPrinter).toConstantValue(new PdfPrinter())
  container.bind(Ports).toConstantValue(ports)
}

/** What the HTTP side asks of the shop. */
export function shopOf(container: Container): Shop {
  return {
    catalogue: container.get(ShowCatalogue),
    closeSale: container.get(CloseSale),
    lookUpSale: container.get(LookUpSale),
    connectTill: container.get(ConnectTill),
    changePrice: container.get(ChangePrice),
    pictures: container.get(PictureUpload),
    layouts: container.get(ReceiptLayouts),
    imports: container.get(Imports),
    files: container.get(StoredFiles),
    devices: container.get(Devices),
    office: container.get(BackOffice),
  }
}

/** Starts what works in the background: jobs, what tills send, who is there. */
export function startBackground(container: Container): Worker {
  const connectTill = container.get(ConnectTill)
  container.get(PushNotifications).onMessage(receiptShown, ({ saleId }, { device }) => connectTill.receiptShown(device, saleId))
  return container.get(JobQueue).work(container.get(JobHandlers).all, { concurrency: CONCURRENCY })
}
