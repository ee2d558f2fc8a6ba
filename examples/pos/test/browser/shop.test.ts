import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import axe from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import type { Product } from '../../src/domain/product.js'
import { formatCents } from '../../src/domain/money.js'
import { describeInBrowser, openBrowser, openPage, openTill, scan, slowFrames } from './browser.js'
import { ShopProcess } from './shop-process.js'

jest.setTimeout(120_000)

interface AxeResult {
  readonly violations: readonly {
    readonly id: string
    readonly impact: string | null
    readonly nodes: readonly { readonly html: string }[]
  }[]
}

/** Serious and critical problems that axe finds on the page as it is. */
async function problems(page: Page): Promise<readonly string[]> {
  // Not by a script element: the page's own policy refuses foreign scripts, as it must.
  await page.evaluate(axe.source)
  const { violations } = (await page.evaluate('axe.run()')) as AxeResult
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`)
}

describeInBrowser('the point of sale in a browser', () => {
  const shop = new ShopProcess()
  let browser: Browser
  let rice: Product
  let coffee: Product
  beforeAll(async () => {
    await shop.start()
    browser = await openBrowser()
    const { products } = await shop.catalogue()
    rice = products.find(({ name }) => name.startsWith('Arroz branco'))!
    coffee = products.find(({ name }) => name.startsWith('Café torrado'))!
  })
  afterAll(async () => {
    await browser.close()
    await shop[Symbol.asyncDispose]()
  })

  test('from a scanned barcode to the receipt as PDF', async () => {
    const complaints: string[] = []
    const { page, context } = await openTill(browser, shop.url, 'till-sale', complaints)
    await scan(page, rice.ean)
    await scan(page, rice.ean)
    await page.fill('input[type=search]', 'cafe torrado')
    await page.keyboard.press('Enter')
    await page.waitForFunction(() => document.querySelectorAll('.basket-line').length === 2)
    const total = await page.textContent('[data-total]')
    await page.click('.basket-foot button')
    await page.fill('dialog input', '100')
    await page.keyboard.press('Enter')
    await page.waitForSelector('.done')
    expect(await page.textContent('.done .pay-total strong')).toBe(total)
    const link = await page.waitForSelector('.done a')

    const [opened] = await Promise.all([context.waitForEvent('page'), link.click()])
    await opened.waitForURL(/\/blobs\/receipts/)
    const answer = await page.request.get(`${shop.url}${await link.getAttribute('href')}`)
    expect([answer.status(), answer.headers()['content-type']]).toEqual([200, 'application/pdf'])
    expect((await answer.body()).subarray(0, 5).toString()).toBe('%PDF-')

    await page.click('.done .button-main')
    expect(await page.locator('.basket-line').count()).toBe(0)
    expect(await page.locator('.receipts a').count()).toBe(1)
    expect(complaints).toEqual([])
    await context.close()
  })

  test('a receipt that comes while the page is still drawing is shown', async () => {
    const { page, context } = await openPage(browser, 'about:blank')
    await page.addInitScript(slowFrames)
    await page.goto(`${shop.url}/till?till=till-slow`)
    await page.waitForSelector('[data-status=online]')
    await page.waitForSelector('.product')
    await scan(page, rice.ean)
    await page.click('.basket-foot button')
    await page.getByRole('button', { name: 'Pix' }).click()
    await page.getByRole('button', { name: 'Concluir venda' }).click()
    await page.waitForSelector('.done a')
    await context.close()
  })

  test('a price changed in the back office reaches every open till, its basket too', async () => {
    const first = await openTill(browser, shop.url, 'till-price-1')
    const second = await openTill(browser, shop.url, 'till-price-2')
    await scan(second.page, coffee.ean)
    const office = await openPage(browser, `${shop.url}/office`)
    await office.page.fill('input[type=search]', coffee.ean)
    const row = office.page.locator(`li[data-ean="${coffee.ean}"]`)
    await row.locator('input:not([type=file])').fill('47,11')
    await row.getByRole('button', { name: 'Salvar' }).click()

    for (const { page } of [first, second]) {
      await page.getByText('Novo preço').waitFor()
      await page.fill('input[type=search]', coffee.ean)
      await page.locator(`.product[data-ean="${coffee.ean}"]`).getByText('R$ 47,11').waitFor()
    }
    expect(await second.page.textContent('[data-total]')).toBe('R$ 47,11')
    for (const { context } of [first, second, office]) await context.close()
  })

  test('a picture uploaded in the back office appears at the till', async () => {
    const till = await openTill(browser, shop.url, 'till-picture')
    await till.page.fill('input[type=search]', rice.ean)
    const office = await openPage(browser, `${shop.url}/office`)
    await office.page.fill('input[type=search]', rice.ean)
    const row = office.page.locator(`li[data-ean="${rice.ean}"]`)
    const drawn = await office.page.evaluate(() => {
      const canvas = document.createElement('canvas')
      canvas.width = canvas.height = 1_200
      const pen = canvas.getContext('2d')!
      pen.fillStyle = '#c0ffee'
      pen.fillRect(0, 0, 1_200, 1_200)
      return canvas.toDataURL('image/png').split(',')[1]!
    })
    await row.locator('input[type=file]').setInputFiles({ name: 'arroz.png', mimeType: 'image/png', buffer: Buffer.from(drawn, 'base64') })
    const image = till.page.locator(`.product[data-ean="${rice.ean}"] img[src*="products"]`)
    await image.waitFor()
    await till.page.waitForFunction(
      (ean) => document.querySelector<HTMLImageElement>(`.product[data-ean="${ean}"] img`)?.naturalWidth === 640,
      rice.ean,
    )
    for (const { context } of [till, office]) await context.close()
  })

  test('a receipt that died is redriven from the back office and shown at its till', async () => {
    const till = await openTill(browser, shop.url, 'till-dead')
    const office = await openPage(browser, `${shop.url}/office`)
    const card = office.page.getByRole('region', { name: 'Modelo do recibo' })
    const footer = card.locator('textarea')
    await footer.fill('Volte sempre, {cliente}!')
    await card.getByRole('alert').waitFor()
    const saved = (): Promise<unknown> =>
      office.page.waitForResponse((response) => response.url().endsWith('receipt-layout') && response.ok())
    await Promise.all([saved(), card.getByRole('button').click()])

    await scan(till.page, rice.ean)
    await till.page.click('.basket-foot button')
    await till.page.getByRole('button', { name: 'Pix' }).click()
    await till.page.getByRole('button', { name: 'Concluir venda' }).click()
    const saleId = (await till.page.locator('.done').getAttribute('data-sale'))!
    const dead = office.page.locator(`[data-dead="${saleId}"]`)
    await dead.waitFor()
    expect(await dead.textContent()).toContain('cliente')
    expect(await till.page.locator('.done a').count()).toBe(0)
    expect(await office.page.locator('[data-queue=dead] dd').textContent()).toBe('1')

    await footer.fill('Volte sempre!')
    await Promise.all([saved(), card.getByRole('button').click()])
    await dead.getByRole('button', { name: 'Reenviar' }).click()
    await till.page.waitForSelector('.done a')
    await dead.waitFor({ state: 'detached' })
    for (const { context } of [till, office]) await context.close()
  })

  test('a till that was offline says so, keeps its sale, and catches up', async () => {
    const { page, context } = await openTill(browser, shop.url, 'till-away')
    await scan(page, rice.ean)
    expect(await shop.stop()).toBe('SIGTERM')
    await page.waitForSelector('[data-status=offline]')
    await page.click('.basket-foot button')
    await page.fill('dialog input', '500')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Tentar de novo' }).waitFor()
    expect(await page.locator('.basket-line').count()).toBe(1)

    await shop.start()
    const cents = 1_234
    expect((await shop.send('PUT', `/api/products/${coffee.ean}/price`, { cents })).status).toBe(200)
    await page.waitForSelector('.done')
    await page.waitForSelector('.done a')
    await page.click('.done .button-main')
    await page.waitForSelector('[data-status=online]')
    await page.fill('input[type=search]', coffee.ean)
    await page.locator(`.product[data-ean="${coffee.ean}"]`).getByText(formatCents(cents)).waitFor()
    await context.close()
  })

  test('a till without network hears what it missed when it is back', async () => {
    const { page, context } = await openTill(browser, shop.url, 'till-cable')
    await context.setOffline(true)
    await page.waitForSelector('[data-status=offline]')
    expect((await shop.send('PUT', `/api/products/${rice.ean}/price`, { cents: 1_999 })).status).toBe(200)
    await context.setOffline(false)
    await page.waitForSelector('[data-status=online]')
    await page.fill('input[type=search]', rice.ean)
    await page.locator(`.product[data-ean="${rice.ean}"]`).getByText('R$ 19,99').waitFor()
    await context.close()
  })

  test.each(['light', 'dark'] as const)('axe finds nothing serious on both pages and their dialogs, %s', async (colorScheme) => {
    const { page, context } = await openTill(browser, shop.url, `till-axe-${colorScheme}`)
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    expect(await problems(page)).toEqual([])
    await scan(page, rice.ean)
    await page.click('.basket-foot button')
    await page.waitForSelector('dialog')
    expect(await problems(page)).toEqual([])
    await page.keyboard.press('Enter')
    await page.keyboard.press('Escape')
    await page.goto(`${shop.url}/office`)
    await page.waitForSelector('[data-link=live]')
    await page.waitForSelector('.thumb')
    expect(await problems(page)).toEqual([])
    await page.getByRole('button', { name: 'EN', exact: true }).click()
    await page.getByRole('heading', { name: 'Sales by minute' }).waitFor()
    expect(await page.getAttribute('html', 'lang')).toBe('en')
    await context.close()
  })

  test('the back office shows sales, devices, files and ports by itself', async () => {
    const { page, context } = await openPage(browser, `${shop.url}/office`)
    await page.waitForSelector('[data-link=live]')
    const before = Number(await page.textContent('[data-figure=sales] dd'))
    const { ean, cents } = (await shop.catalogue()).products.find(({ unit }) => unit === 'un')!
    const sale = {
      saleId: '20261123-180000-bythemselves',
      till: 'till-live',
      lines: [{ ean, quantity: 1_000, cents }],
      payment: { method: 'pix' },
    }
    expect((await shop.send('POST', '/api/sales', sale)).status).toBe(201)
    await page.waitForFunction((count) => document.querySelector('[data-figure=sales] dd')?.textContent === String(count), before + 1)
    expect(await page.locator('.chart .bar').count()).toBeGreaterThanOrEqual(1)
    expect(await page.locator('[data-port] .badge-good').count()).toBe(4)
    await page.getByRole('button', { name: 'receipts/' }).click()
    await page.getByText('.pdf').first().waitFor()
    const online = Number(await page.textContent('[data-figure=online] dd'))
    const till = await openTill(browser, shop.url, 'till-live')
    await page.locator('[data-device=till-live] .badge-good').waitFor()
    expect(Number(await page.textContent('[data-figure=online] dd'))).toBe(online + 1)
    for (const opened of [till.context, context]) await opened.close()
  })
})
