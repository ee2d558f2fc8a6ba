import { formatCents } from './money.js'
import type { Sale } from './sale.js'

/** What the shop prints around the lines of a receipt. */
export interface ReceiptLayout {
  readonly storeName: string
  /** Text with fields in braces, e.g. `Volte sempre! {till}`. */
  readonly footer: string
}

export const defaultLayout: ReceiptLayout = {
  storeName: 'Mercado PDVend',
  footer: 'Obrigado pela preferência!\nCaixa {till}, {date}',
}

/** Longest footer in characters. */
export const MAX_FOOTER = 400

/** The fields that a footer may use. */
const receiptFields = ['storeName', 'saleId', 'till', 'date', 'total', 'change', 'items'] as const

const FIELD = /\{([^{}]*)\}/g

/** Names in braces that no receipt can fill. */
export function unknownFields(footer: string): readonly string[] {
  return [...footer.matchAll(FIELD)].map(([, name]) => name!).filter((name) => !(receiptFields as readonly string[]).includes(name))
}

/**
 * The footer with its fields filled; `undefined` for a field that is unknown: a receipt with a hole in it must not reach
 * a customer, so that the caller gives up until the layout is mended.
 */
export function fillFooter(layout: ReceiptLayout, sale: Sale): string | undefined {
  if (unknownFields(layout.footer).length > 0) return undefined
  const fields: Record<(typeof receiptFields)[number], string> = {
    storeName: layout.storeName,
    saleId: sale.saleId,
    till: sale.till,
    date: formatDate(sale.at),
    total: formatCents(sale.totalCents),
    change: formatCents(sale.changeCents),
    items: String(sale.lines.length),
  }
  return layout.footer.replace(FIELD, (_, name: string) => fields[name as keyof typeof fields])
}

const date = new Intl.DateTimeFormat('pt-BR', { dateStyle: 'short', timeStyle: 'medium', timeZone: 'America/Sao_Paulo' })

/** `23/11/2026, 10:15:00` in São Paulo. */
export function formatDate(iso: string): string {
  return date.format(new Date(iso))
}

/** `2` pieces, `0,250 kg`. */
export function formatQuantity(quantity: number, unit: 'un' | 'kg'): string {
  return unit === 'un' ? String(quantity / 1_000) : `${(quantity / 1_000).toFixed(3).replace('.', ',')} kg`
}
