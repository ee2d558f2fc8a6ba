import { expect, test } from '@jest/globals'
import { PdfPrinter } from '../src/pdf/pdf-printer.js'
import type { Sale } from '../src/domain/sale.js'

const line = {
  ean: '7891000000137',
  name: 'Pão de queijo com açúcar e um nome que pede mais de uma linha',
  unit: 'kg' as const,
  cents: 4490,
  quantity: 335,
  totalCents: 1504,
}
const sale = (lines: number): Sale => ({
  saleId: '20261123-150000-abcdefgh',
  till: 'till-1',
  at: '2026-11-23T15:00:00.000Z',
  lines: Array.from({ length: lines }, () => line),
  totalCents: 1504 * lines,
  payment: { method: 'cash', receivedCents: 200_000 },
  changeCents: 200_000 - 1504 * lines,
})
const texts = { storeName: 'Mercado PDVend', footer: 'Obrigado!' }

test('a receipt is one page of PDF, however long, and the same sale gives the same bytes', async () => {
  for (const lines of [1, 80]) {
    const pdf = await new PdfPrinter().print(sale(lines), texts)
    const text = Buffer.from(pdf).toString('latin1')
    expect(text.startsWith('%PDF-')).toBe(true)
    expect(text).toMatch(/\/Type \/Pages[\s\S]*?\/Count 1\b/)
    expect(Buffer.from(await new PdfPrinter().print(sale(lines), texts)).equals(Buffer.from(pdf))).toBe(true)
  }
})
