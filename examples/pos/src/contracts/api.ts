import type { Product } from '../domain/product.js'
import type { PaymentMethod } from '../domain/payment.js'

/** `GET /api/catalogue`. */
export interface CatalogueView {
  readonly version: string
  readonly products: readonly Product[]
  /** Signed URLs by picture key: each product's own picture and each department's, `pictures/departments/<id>.svg`. */
  readonly pictures: Readonly<Record<string, string>>
}

/** The etag of `GET /api/catalogue` for the state that `tag` names. */
export const catalogueEtag = (tag: string): string => `"${tag}"`

/** The key of the picture that stands in for products without their own. */
export const departmentPicture = (category: string): string => `pictures/departments/${category}.svg`

/** An answer that is not a success: RFC 9457, `application/problem+json`. */
export interface Problem {
  readonly title: string
  readonly status: number
  /** The reason as one word, for the page to translate. */
  readonly code: string
  readonly detail?: string
  readonly issues?: readonly string[]
  /** With code `priceChanged`. */
  readonly prices?: readonly { readonly ean: string; readonly cents: number }[]
}

/** `POST /api/sales`. */
export interface SaleAnswer {
  readonly saleId: string
  readonly totalCents: number
  readonly changeCents: number
  /** True when the same sale was closed by an earlier request. */
  readonly repeated: boolean
}

/** `GET /api/sales/<id>`. */
export interface SaleStatus extends SaleAnswer {
  readonly at: string
  readonly till: string
  readonly receipt: { readonly sizeBytes: number; readonly url: string } | null
}

/** `GET /api/office/events`, the newest first. */
export interface EventRow {
  readonly id: string
  readonly type: string
  readonly at: string
  readonly data: unknown
}

/** One CSV import and how far it is. */
export interface ImportState {
  readonly importId: string
  readonly fileName: string
  readonly at: string
  readonly state: 'waiting' | 'running' | 'done' | 'failed'
  readonly rows?: number
  readonly stored?: number
  readonly report?: ImportReport
}

export interface ImportReport {
  readonly rows: number
  readonly added: number
  readonly changed: number
  readonly unchanged: number
  /** The first hundred refused lines; `refused` counts all. */
  readonly refused: number
  readonly problems: readonly { readonly line: number; readonly problem: string }[]
  readonly tookMs: number
}

/** One minute of sales. */
export interface MinuteOfSales {
  /** Milliseconds since the epoch, start of the minute. */
  readonly minute: number
  readonly sales: number
  readonly cents: number
}

export interface SalesFigures {
  /** The last sixty minutes, oldest first, each minute present. */
  readonly minutes: readonly MinuteOfSales[]
  readonly today: { readonly sales: number; readonly cents: number; readonly byMethod: Readonly<Record<PaymentMethod, number>> }
  readonly latest: readonly {
    readonly saleId: string
    readonly at: string
    readonly till: string
    readonly totalCents: number
    readonly method: PaymentMethod
  }[]
}

export interface QueueFigures {
  readonly ready: number
  readonly delayed: number
  readonly inFlight: number
  readonly dead: number
  readonly oldestAgeMs: number
}

export interface RunningJobRow {
  readonly id: string
  readonly name: string
  readonly attempt: number
  readonly startedAt: string
  readonly subject: string
}

export interface DeadJobRow {
  readonly id: string
  readonly name: string
  readonly reason: string
  readonly error: string
  readonly attempts: number
  readonly diedAt: string
  readonly subject: string
}

export interface DeviceRow {
  readonly device: string
  readonly state: 'online' | 'offline'
  readonly since: string
}

export interface FolderRow {
  readonly folder: string
  readonly files: number
  readonly bytes: number
  /** True when there were more than were counted. */
  readonly more: boolean
}

/** `GET /api/office/files?folder=`: one page of a folder. */
export interface FilesPage {
  readonly files: readonly { readonly key: string; readonly sizeBytes: number; readonly modifiedAt: string }[]
  readonly next?: string
}

export interface PortRow {
  readonly port: string
  readonly adapter: string
  readonly state: 'up' | 'degraded' | 'down'
  readonly latencyMs: number
  readonly lastError?: string
}

/** What the back office shows; sent as server-sent events `office`, whole each time. */
export interface OfficeView {
  readonly at: string
  readonly profile: string
  /** null where the profile's telemetry cannot be read back. */
  readonly sales: SalesFigures | null
  readonly queue: QueueFigures
  readonly running: readonly RunningJobRow[]
  readonly dead: readonly DeadJobRow[]
  readonly devices: readonly DeviceRow[]
  readonly folders: readonly FolderRow[]
  readonly ports: readonly PortRow[]
  readonly imports: readonly ImportState[]
  /** The etag of `GET /api/catalogue`, so that a page knows when to read it again. */
  readonly catalogue: string
  readonly ledger: {
    readonly emitted: number
    readonly accepted: number
    readonly pending: number
    readonly dead: number
    readonly dropped: number
  }
}
