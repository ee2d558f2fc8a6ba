/** Whole cents of the Brazilian real. Amounts are never fractions, so that sums are exact. */
export type Cents = number

/** Largest amount that the shop handles in one price or payment: R$ 1,000,000.00. */
export const MAX_CENTS: Cents = 100_000_000

const reais = new Intl.NumberFormat('pt-BR', { style: 'currency', currency: 'BRL' })

/** `1290` gives `R$ 12,90`, with a plain space, in every language of the page: the money is Brazilian. */
export function formatCents(cents: Cents): string {
  return reais.format(cents / 100).replace(/\u00a0/g, ' ')
}

const WRITTEN = /^(?:R\$\s*)?(\d{1,3}(?:\.\d{3})+|\d+)(?:,(\d{1,2}))?$/
const WRITTEN_WITH_POINT = /^(?:R\$\s*)?(\d+)\.(\d{1,2})$/

/** Reads `12,90`, `1.234,5`, `R$ 7` and `12.90`; undefined for everything else and beyond {@link MAX_CENTS}. */
export function parseCents(text: string): Cents | undefined {
  const trimmed = text.trim()
  const found = WRITTEN.exec(trimmed) ?? WRITTEN_WITH_POINT.exec(trimmed)
  if (found === null) return undefined
  const cents = Number(found[1]!.replaceAll('.', '')) * 100 + Number((found[2] ?? '').padEnd(2, '0'))
  return cents <= MAX_CENTS ? cents : undefined
}
