import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import type { Browser, Page, Route } from 'playwright-core'
import type { Product } from '../../src/domain/product.js'
import { formatCents } from '../../src/domain/money.js'
import type { SaleRequest } from '../../src/domain/sale.js'
import { describeInBrowser, openBrowser, openPage, openTill, scan, slowFrames, typeCode } from './browser.js'
import { ShopProcess } from './shop-process.js'

jest.setTimeout(120_000)

const SALES = '**/api/sales'
const CATALOGUE = '**/api/catalogue'

describeInBrowser('the pages when something goes wrong', () => {
  const shop = new ShopProcess()
  let browser: Browser
  let rice: Product
  let coffee: Product
  let byWeight: Product
  beforeAll(async () => {
    await shop.start()
    browser = await openBrowser()
    const { products } = await shop.catalogue()
    rice = products.find(({ name }) => name.startsWith('Arroz branco'))!
    coffee = products.find(({ name }) => name.startsWith('Café torrado'))!
    byWeight = products.find(({ unit }) => unit === 'kg')!
  })
  afterAll(async () => {
    await browser.close()
    await shop[Symbol.asyncDispose]()
  })

  const reprice = async (product: Product, cents: number): Promise<void> => {
    expect((await shop.send('PUT', `/api/products/${product.ean}/price`, { cents })).status).toBe(200)
  }
  const again = (page: Page) => page.getByRole('button', { name: 'Tentar de novo' })

  /** Puts one packet of rice into the basket and pays by Pix. */
  async function sell(page: Page): Promise<void> {
    await scan(page, rice.ean)
    await page.click('.basket-foot button')
    await page.getByRole('button', { name: 'Pix' }).click()
    await page.getByRole('button', { name: 'Concluir venda' }).click()
  }

  test('a sale whose answer breaks off can be tried again', async () => {
    const { page, context } = await openTill(browser, shop.url, 'till-broken-off')
    await page.route(SALES, (route) => route.fulfill({ status: 201, contentType: 'application/json', body: '{"saleId":' }))
    await sell(page)
    await again(page).waitFor()
    await page.unroute(SALES)
    await again(page).click()
    await page.waitForSelector('.done a')
    await context.close()
  })

  test('two submits within one frame are one sale, also when the first got no answer', async () => {
    const { page, context } = await openTill(browser, shop.url, 'till-double')
    const sent = new Set<string>()
    const note = (route: Route): void => void sent.add((route.request().postDataJSON() as SaleRequest).saleId)
    await page.route(SALES, (route) => (note(route), route.abort()))
    await scan(page, rice.ean)
    await page.click('.basket-foot button')
    await page.getByRole('button', { name: 'Pix' }).click()
    await page.evaluate(() => {
      const form = document.querySelector<HTMLFormElement>('dialog form')!
      form.requestSubmit()
      form.requestSubmit()
    })
    await again(page).waitFor()
    await page.unroute(SALES)
    await page.route(SALES, (route) => (note(route), route.continue()))
    await again(page).click()
    await page.waitForSelector('.done')
    expect(sent.size).toBe(1)
    await context.close()
  })

  test('a sale without an answer goes out again by itself after a reload', async () => {
    const { page, context } = await openTill(browser, shop.url, 'till-reload-pending')
    await page.route(SALES, (route) => route.abort())
    await sell(page)
    await again(page).waitFor()
    await page.unroute(SALES)
    await page.reload()
    await page.waitForSelector('.done a')
    expect(await page.locator('.basket-line').count()).toBe(0)
    await context.close()
  })

  test('a page reloaded right after a sale lists the receipt once it comes', async () => {
    const { page, context } = await openTill(browser, shop.url, 'till-reload')
    await sell(page)
    const saleId = await page.locator('.done').getAttribute('data-sale')
    await page.reload()
    await page.waitForSelector(`.receipts a[href$="${saleId}"]`)
    await context.close()
  })

  test('a server that dies between the sale and its answer has sold once', async () => {
    const { page, context } = await openTill(browser, shop.url, 'till-killed')
    let sold: number | undefined
    await page.route(SALES, async (route) => {
      if (sold !== undefined) return route.continue()
      sold = (await route.fetch()).status()
      await shop.stop('SIGKILL')
      await route.abort()
    })
    await sell(page)
    await again(page).waitFor()
    const answered = page.waitForResponse((response) => response.url().endsWith('/api/sales'))
    await shop.start()
    expect([sold, (await answered).status()]).toEqual([201, 200])
    await page.waitForSelector('.done')
    await context.close()
  })

  test('a code scanned over the closed sale begins the next one; while a sale is being sent, it changes nothing', async () => {
    const { page, context } = await openTill(browser, shop.url, 'till-scanner')
    let answer: () => void = () => undefined
    const held = new Promise<void>((resolve) => (answer = resolve))
    await page.route(SALES, async (route) => (await held, route.continue()))
    await sell(page)
    await page.getByText('Registrando').waitFor()
    await scan(page, coffee.ean)
    await page.waitForTimeout(200)
    expect(await page.locator('.basket-line').count()).toBe(1)
    answer()
    await page.waitForSelector('.done')
    await typeCode(page, coffee.ean)
    await page.locator(`.basket-line[data-ean="${coffee.ean}"]`).waitFor()
    await page.locator('.done').waitFor({ state: 'detached' })
    expect(await page.locator('.basket-line').count()).toBe(1)
    await context.close()
  })

  test('a code presses no button of a dialog', async () => {
    const { page, context } = await openTill(browser, shop.url, 'till-scanner-button')
    await scan(page, rice.ean)
    await page.click('.basket-foot button')
    await page.getByRole('button', { name: 'Pix' }).click()
    await page.getByRole('button', { name: 'Concluir venda' }).focus()
    await typeCode(page, coffee.ean)
    await page.waitForTimeout(200)
    await page.getByRole('button', { name: 'Concluir venda' }).waitFor()
    expect(await page.locator('.basket-line').count()).toBe(1)
    await context.close()
  })

  test('no Escape hides a sale that has no answer', async () => {
    const { page, context } = await openTill(browser, shop.url, 'till-escape')
    await page.route(SALES, (route) => route.abort())
    await sell(page)
    await again(page).waitFor()
    for (let i = 0; i < 4; i += 1) await page.keyboard.press('Escape')
    await page.unroute(SALES)
    await again(page).click()
    await page.waitForSelector('.done')
    await context.close()
  })

  test('a dialog holds the page from the moment that it is drawn', async () => {
    const { page, context } = await openPage(browser, 'about:blank')
    await page.addInitScript(slowFrames)
    await page.goto(`${shop.url}/till?till=till-slow-dialog`)
    await page.waitForSelector('.product')
    await scan(page, rice.ean)
    await page.click('.basket-foot button')
    expect(await page.evaluate(() => document.querySelector('dialog')?.open)).toBe(true)
    await context.close()
  })

  test('a price that changes while the catalogue is on its way is the new one', async () => {
    const { page, context } = await openPage(browser, 'about:blank')
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    let reads = 0
    await page.route(CATALOGUE, async (route) => {
      if ((reads += 1) > 1) return route.continue()
      const response = await route.fetch()
      await held
      await route.fulfill({ response })
    })
    await page.goto(`${shop.url}/till?till=till-price-early`)
    await page.waitForSelector('[data-status=online]')
    await reprice(coffee, 4_242)
    await page.waitForTimeout(500)
    release()
    await page.fill('input[type=search]', coffee.ean)
    await page.locator(`.product[data-ean="${coffee.ean}"]`).getByText('R$ 42,42').waitFor()
    await context.close()
  })

  test('a catalogue that could not be read after an import is read later', async () => {
    const { page, context } = await openTill(browser, shop.url, 'till-import')
    await page.fill('input[type=search]', coffee.ean)
    await page.route(CATALOGUE, (route) => route.abort())
    const failed = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/api/catalogue'))
    const csv = `ean;name;brand;category;unit;price\n${coffee.ean};${coffee.name};${coffee.brand};coffee;un;77,77\n`
    const imported = await fetch(`${shop.url}/api/office/imports`, { method: 'POST', headers: { 'content-type': 'text/csv' }, body: csv })
    expect(imported.status).toBe(202)
    await failed
    await page.unroute(CATALOGUE)
    await page.locator(`.product[data-ean="${coffee.ean}"]`).getByText('R$ 77,77').waitFor()
    await context.close()
  })

  test('two windows of one till have one basket and one list of receipts', async () => {
    const { page, context } = await openTill(browser, shop.url, 'till-windows')
    await scan(page, rice.ean)
    await page.waitForSelector('.basket-line')
    const other = await context.newPage()
    await other.goto(`${shop.url}/till?till=till-windows`)
    await other.waitForSelector('[data-status=online]')
    await page.waitForSelector('[data-status=takenOver]')
    await other.click('.basket-foot button')
    await other.getByRole('button', { name: 'Pix' }).click()
    await other.getByRole('button', { name: 'Concluir venda' }).click()
    await other.waitForSelector('.done a')
    await page.waitForSelector('.receipts a')
    expect(await page.locator('.basket-line').count()).toBe(0)
    expect(await page.locator('dialog').count()).toBe(0)
    await context.close()
  })

  test('what is weighed while its price changes costs the new one', async () => {
    const { page, context } = await openTill(browser, shop.url, 'till-scale')
    await scan(page, byWeight.ean)
    await page.waitForSelector('dialog input')
    await reprice(byWeight, 1_357)
    await page.locator('dialog').getByText('R$ 13,57').first().waitFor()
    await page.keyboard.press('Enter')
    await page.waitForSelector('.basket-line')
    expect(await page.textContent('[data-total]')).toBe('R$ 13,57')
    await context.close()
  })

  test('a total that changes during payment is said in the dialog', async () => {
    const { page, context } = await openTill(browser, shop.url, 'till-moved')
    await scan(page, rice.ean)
    await page.click('.basket-foot button')
    await page.waitForSelector('dialog input')
    expect(await page.locator('dialog [role=alert]').count()).toBe(0)
    await reprice(rice, 2_468)
    await page.locator('dialog [role=alert]').getByText('confira o total').waitFor()
    expect(await page.textContent('dialog .pay-total strong')).toBe('R$ 24,68')
    await context.close()
  })

  test('the back office comes back by itself when its stream was refused', async () => {
    const { page, context } = await openPage(browser, 'about:blank')
    const stream = '**/api/office/stream'
    await page.route(stream, (route) => route.fulfill({ status: 502 }))
    await page.goto(`${shop.url}/office`)
    await page.waitForSelector('[data-link=lost]')
    await page.unroute(stream)
    await page.waitForSelector('[data-link=live]')
    await context.close()
  })

  test('a price that somebody else changed is shown in an open back office', async () => {
    const { page, context } = await openPage(browser, `${shop.url}/office`)
    await page.fill('input[type=search]', coffee.ean)
    const price = page.locator(`li[data-ean="${coffee.ean}"] .price-form input`)
    await price.waitFor()
    await reprice(coffee, 6_543)
    await page.waitForFunction(
      ([ean, text]) => document.querySelector<HTMLInputElement>(`li[data-ean="${ean}"] .price-form input`)?.value === text,
      [coffee.ean, formatCents(6_543).replace('R$ ', '')],
    )
    await context.close()
  })

  test('a price that cannot be read or stored says so and stays in its field', async () => {
    const { page, context } = await openPage(browser, `${shop.url}/office`)
    await page.fill('input[type=search]', coffee.ean)
    const price = page.locator(`li[data-ean="${coffee.ean}"] .price-form input`)
    await price.fill('doze')
    await price.press('Enter')
    await page.locator('.notice').getByText('Informe um preço').waitFor()
    await page.route('**/price', (route) => route.abort())
    await price.fill('12,34')
    await price.press('Enter')
    await page.locator('.notice').getByText('Algo não deu certo').waitFor()
    expect(await price.inputValue()).toBe('12,34')
    await context.close()
  })

  test('asking twice for more files shows them once', async () => {
    const { page, context } = await openPage(browser, `${shop.url}/office`)
    await page.route('**/api/office/files?*', async (route) => {
      const more = route.request().url().includes('startAfter')
      if (more) await new Promise((resolve) => setTimeout(resolve, 300))
      const file = { key: more ? 'sales/b.json' : 'sales/a.json', sizeBytes: 1, modifiedAt: new Date().toISOString() }
      await route.fulfill({ json: more ? { files: [file] } : { files: [file], next: file.key } })
    })
    await page.getByRole('button', { name: 'sales/' }).click()
    await page.getByRole('button', { name: 'Mais arquivos' }).dblclick()
    await page.getByText('b.json').first().waitFor()
    await page.waitForTimeout(500)
    expect(await page.getByText('b.json').count()).toBe(1)
    await context.close()
  })
})
