import type { BackOffice } from '../use-cases/back-office.js'
import type { ChangePrice } from '../use-cases/change-price.js'
import type { CloseSale } from '../use-cases/close-sale.js'
import type { ConnectTill } from '../use-cases/connect-till.js'
import type { Devices } from '../use-cases/devices.js'
import type { Imports } from '../use-cases/imports.js'
import type { LookUpSale } from '../use-cases/look-up-sale.js'
import type { PictureUpload } from '../use-cases/picture-upload.js'
import type { ReceiptLayouts } from '../use-cases/receipt-layouts.js'
import type { ShowCatalogue } from '../use-cases/show-catalogue.js'
import type { StoredFiles } from '../use-cases/stored-files.js'

/** What the HTTP side asks of the shop. */
export interface Shop {
  readonly catalogue: ShowCatalogue
  readonly closeSale: CloseSale
  readonly lookUpSale: LookUpSale
  readonly connectTill: ConnectTill
  readonly changePrice: ChangePrice
  readonly pictures: PictureUpload
  readonly layouts: ReceiptLayouts
  readonly imports: Imports
  readonly files: StoredFiles
  readonly devices: Devices
  readonly office: BackOffice
}
