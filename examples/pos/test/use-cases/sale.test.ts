import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { BlobStorage, JobQueue, Telemetry } from '@pdvend/ports'
import type { SaleRequest } from '../../src/domain/sale.js'
import { Catalogue } from '../../src/use-cases/catalogue.js'
import { CloseSale } from '../../src/use-cases/close-sale.js'
import { LookUpSale } from '../../src/use-cases/look-up-sale.js'
import { BackOffice } from '../../src/use-cases/back-office.js'
import { ReceiptLayouts } from '../../src/use-cases/receipt-layouts.js'
import { ShowSales } from '../../src/use-cases/sales-figures.js'
import { eventually, openShop, type TestShop } from '../shop-in-a-directory.js'

const ean = '7891000000137'
const offer = { ean, name: 'Arroz branco', brand: 'Bom Grão', category: 'grocery', unit: 'un', cents: 749 } as const
const request = (saleId: string, more: Partial<SaleRequest> = {}): SaleRequest => ({
  saleId,
  till: 'till-1',
  lines: [{ ean, quantity: 2_000, cents: 749 }],
  payment: { method: 'cash', receivedCents: 2_000 },
  ...more,
})

let shop: TestShop
let closeSale: CloseSale
beforeAll(async () => {
  shop = await openShop()
  closeSale = shop.container.get(CloseSale)
  await shop.container.get(Catalogue).store([offer], async () => undefined)
  shop.work()
})
afterAll(async () => {
  await shop[Symbol.asyncDispose]()
})

test('a sale is stored, its receipt is issued and its event is a row', async () => {
  const result = await closeSale.run(request('20261123-150000-aaaaaaaa'))
  expect(result).toMatchObject({ repeated: false, sale: { totalCents: 1498, changeCents: 502 } })
  const status = await eventually(async () => {
    const found = await shop.container.get(LookUpSale).status('20261123-150000-aaaaaaaa')
    return found?.receipt ? found : undefined
  })
  expect(status.receipt!.url).toMatch(/^\/blobs\/receipts/)
  await using receipt = await shop.container.get(BlobStorage).get('receipts/20261123-150000-aaaaaaaa.pdf')
  expect(receipt.info.contentType).toBe('application/pdf')
  expect((await receipt.text().catch(() => '%PDF-binary')).slice(0, 5)).toBe('%PDF-')

  const telemetry = shop.container.get(Telemetry)
  await telemetry.flush()
  const rows = await telemetry.query({ type: 'sale.closed' })
  expect(rows.map(({ id, data }) => [id, data])).toEqual([
    ['sale-20261123-150000-aaaaaaaa', { saleId: '20261123-150000-aaaaaaaa', till: 'till-1', totalCents: 1498, lines: 1, method: 'cash' }],
  ])
})

test('asking twice sells once, also when both ask at the same time and prices move between', async () => {
  const saleId = '20261123-150100-bbbbbbbb'
  const results = await Promise.all([1, 2, 3].map(() => closeSale.run(request(saleId))))
  expect(results.every((result) => 'sale' in result)).toBe(true)
  expect(results.filter((result) => 'sale' in result && !result.repeated)).toHaveLength(1)
  await shop.container.get(Catalogue).change(ean, (product) => ({ ...product, cents: 800 }))
  expect(await closeSale.run(request(saleId))).toMatchObject({ repeated: true, sale: { totalCents: 1498 } })
  expect(await closeSale.run(request(saleId, { till: 'till-2' }))).toEqual({ refusal: { reason: 'otherSaleUnderThisId' } })
  await shop.container.get(Catalogue).change(ean, (product) => ({ ...product, cents: 749 }))

  const telemetry = shop.container.get(Telemetry)
  await telemetry.flush()
  const rows = await telemetry.query({ type: 'sale.closed' })
  expect(rows.filter(({ id }) => id === `sale-${saleId}`)).toHaveLength(1)
})

test('a sale at an old price is refused and leaves nothing behind', async () => {
  const result = await closeSale.run(request('20261123-150200-cccccccc', { lines: [{ ean, quantity: 1_000, cents: 700 }] }))
  expect(result).toEqual({ refusal: { reason: 'priceChanged', prices: [{ ean, cents: 749 }] } })
  expect(await shop.container.get(BlobStorage).exists('sales/20261123-150200-cccccccc.json')).toBe(false)
})

test('a receipt that cannot be rendered dies at once, and is issued after the layout is mended and the job redriven', async () => {
  const layouts = shop.container.get(ReceiptLayouts)
  const office = shop.container.get(BackOffice)
  await layouts.write({ storeName: 'Loja', footer: 'Volte sempre, {cliente}!' })
  const saleId = '20261123-150300-dddddddd'
  await closeSale.run(request(saleId))
  const dead = await eventually(async () => (await office.view()).dead[0])
  expect(dead).toMatchObject({ name: 'receipt.issue', reason: 'discarded', attempts: 1, subject: saleId })
  expect(dead.error).toContain('cliente')

  await layouts.write({ storeName: 'Loja', footer: 'Volte sempre!' })
  expect(await office.redrive([dead.id])).toBe(1)
  await eventually(async () => shop.container.get(LookUpSale).receiptUrl(saleId))
  expect((await shop.container.get(JobQueue).stats()).dead).toBe(0)
})

test('the figures of the day come from the telemetry table', async () => {
  await shop.container.get(Telemetry).flush()
  const figures = await shop.container.get(ShowSales).figures()
  expect(figures!.today).toMatchObject({ sales: 3, cents: 3 * 1498, byMethod: { cash: 3 * 1498, card: 0, pix: 0 } })
  expect(figures!.minutes).toHaveLength(60)
  expect(figures!.minutes.reduce((sum, { sales }) => sum + sales, 0)).toBe(3)
  expect(figures!.latest[0]!.till).toBe('till-1')
})
