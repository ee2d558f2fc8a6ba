import { injectable } from 'inversify'
import { Telemetry, type TelemetryRow } from '@pdvend/ports'
import type { SalesFigures } from '../contracts/api.js'
import { saleClosed } from '../contracts/events.js'
import type { Cents } from '../domain/money.js'
import type { PaymentMethod } from '../domain/payment.js'

interface SaleRow {
  readonly saleId: string
  readonly at: number
  readonly till: string
  readonly totalCents: Cents
  readonly method: PaymentMethod
}

const MINUTE_MS = 60_000
const SHOWN_MINUTES = 60
const SHOWN_SALES = 12
/** Rows may arrive a little after they happened: each refresh looks back so far again. */
const OVERLAP_MS = 20_000
/** And those that an interrupted process held back for longer are found by reading everything once in a while. */
const FULL_EVERY_MS = 60_000
const MAX_ROWS = 100_000

/** Sales from the telemetry table: the day's totals and the last hour by minute. Each sale counts once, by its id. */
@injectable()
export class ShowSales {
  #rows = new Map<string, SaleRow>()
  #newest = 0
  #fullAt = 0

  constructor(private readonly telemetry: Telemetry) {}

  /** undefined where the profile's telemetry cannot be read back. */
  async figures(now = Date.now()): Promise<SalesFigures | undefined> {
    if (!this.telemetry.capabilities.query) return undefined
    const midnight = startOfDay(now)
    const oldest = Math.min(midnight, minuteOf(now) - (SHOWN_MINUTES - 1) * MINUTE_MS)
    await this.#refresh(oldest, now)
    return figuresOf([...this.#rows.values()], midnight, now)
  }

  async #refresh(oldest: number, now: number): Promise<void> {
    const full = now - this.#fullAt >= FULL_EVERY_MS
    const from = new Date(full ? oldest : Math.max(oldest, this.#newest - OVERLAP_MS))
    const rows = await this.telemetry.query({ type: saleClosed.name, from, limit: MAX_ROWS })
    if (full) {
      this.#rows = new Map()
      this.#fullAt = now
    }
    for (const row of rows) this.#take(row)
  }

  #take(row: TelemetryRow): void {
    const at = row.at.getTime()
    const { saleId, till, totalCents, method } = row.data as Omit<SaleRow, 'at'>
    this.#rows.set(row.id, { saleId, at, till, totalCents, method })
    this.#newest = Math.max(this.#newest, at)
  }
}

/** Pure, so that it can be tested with rows of any time. */
function figuresOf(rows: readonly SaleRow[], midnight: number, now: number): SalesFigures {
  const first = minuteOf(now) - (SHOWN_MINUTES - 1) * MINUTE_MS
  const minutes = Array.from({ length: SHOWN_MINUTES }, (_, i) => ({ minute: first + i * MINUTE_MS, sales: 0, cents: 0 }))
  const today = { sales: 0, cents: 0, byMethod: { cash: 0, card: 0, pix: 0 } }
  for (const { at, totalCents, method } of rows) {
    const minute = minutes[Math.floor((at - first) / MINUTE_MS)]
    if (minute !== undefined) {
      minute.sales += 1
      minute.cents += totalCents
    }
    if (at >= midnight) {
      today.sales += 1
      today.cents += totalCents
      today.byMethod[method] += totalCents
    }
  }
  const latest = [...rows].sort((a, b) => b.at - a.at).slice(0, SHOWN_SALES)
  return { minutes, today, latest: latest.map((row) => ({ ...row, at: new Date(row.at).toISOString() })) }
}

function minuteOf(ms: number): number {
  return Math.floor(ms / MINUTE_MS) * MINUTE_MS
}

/** São Paulo's clock: three hours behind UTC all year. */
const OFFSET_MS = 3 * 3_600_000

function startOfDay(now: number): number {
  return Math.floor((now - OFFSET_MS) / 86_400_000) * 86_400_000 + OFFSET_MS
}
