import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Browser } from 'playwright-core'
import type { Product } from '../../src/domain/product.js'
import { pdvend } from '../pdvend.js'
import { describeInBrowser, openBrowser, openPage, openTill, scan } from './browser.js'
import { ShopProcess } from './shop-process.js'

/** Engines of a profile, up and empty. */
interface Engines extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>
}

/** The shop's pages where store and broker are at addresses of their own. `missing`: why this machine cannot have the engines. */
export function describePages(engines: string, missing: string | undefined, start: () => Promise<Engines>): void {
  describeInBrowser(`the shop on ${engines}, in a browser`, () => {
    const onEngines = missing === undefined ? describe : describe.skip

    onEngines(missing === undefined ? 'pages, store and broker at three addresses' : `(skipped: ${missing})`, () => {
      let home: Engines
      let shop: ShopProcess
      let browser: Browser
      let rice: Product
      beforeAll(async () => {
        home = await start()
        const provisioned = await pdvend(['provision', '--app', './dist/app.js', '--apply'], home.env)
        if (provisioned.code !== 0) throw new Error(provisioned.out + provisioned.err)
        shop = new ShopProcess(undefined, home.env)
        await shop.start()
        browser = await openBrowser()
        rice = (await shop.catalogue()).products.find(({ name }) => name.startsWith('Arroz branco'))!
      })
      afterAll(async () => {
        await browser?.close()
        await shop?.[Symbol.asyncDispose]()
        await home?.[Symbol.asyncDispose]()
      })

      const storeOrigin = (): string => new URL(home.env['PDVEND_BLOB_ENDPOINT']!).origin

      test('from a scanned barcode to the receipt, which the store hands out', async () => {
        const complaints: string[] = []
        const { page, context } = await openTill(browser, shop.url, 'till-sale', complaints)
        await scan(page, rice.ean)
        await page.click('.basket-foot button')
        await page.getByRole('button', { name: 'Pix' }).click()
        await page.getByRole('button', { name: 'Concluir venda' }).click()
        const link = await page.waitForSelector('.done a')
        const answer = await page.request.get(`${shop.url}${await link.getAttribute('href')}`)
        expect([answer.status(), answer.headers()['content-type'], new URL(answer.url()).origin]).toEqual([
          200,
          'application/pdf',
          storeOrigin(),
        ])
        expect((await answer.body()).subarray(0, 5).toString()).toBe('%PDF-')
        expect(complaints).toEqual([])
        await context.close()
      })

      test('a picture goes straight to the store by a signed form, and comes from there to the till', async () => {
        const complaints: string[] = []
        const till = await openTill(browser, shop.url, 'till-picture', complaints)
        await till.page.fill('input[type=search]', rice.ean)
        const office = await openPage(browser, `${shop.url}/office`, complaints)
        await office.page.fill('input[type=search]', rice.ean)
        const drawn = await office.page.evaluate(() => {
          const canvas = document.createElement('canvas')
          canvas.width = canvas.height = 1_200
          canvas.getContext('2d')!.fillRect(0, 0, 1_200, 1_200)
          return canvas.toDataURL('image/png').split(',')[1]!
        })
        const posted = office.page.waitForResponse(
          (response) => response.request().method() === 'POST' && response.url().startsWith(storeOrigin()),
        )
        const picker = office.page.locator(`li[data-ean="${rice.ean}"] input[type=file]`)
        await picker.setInputFiles({ name: 'arroz.png', mimeType: 'image/png', buffer: Buffer.from(drawn, 'base64') })
        expect((await posted).ok()).toBe(true)
        const image = till.page.locator(`.product[data-ean="${rice.ean}"] img[src*="products"]`)
        await image.waitFor()
        expect(new URL((await image.getAttribute('src'))!).origin).toBe(storeOrigin())
        await till.page.waitForFunction(
          (ean) => document.querySelector<HTMLImageElement>(`.product[data-ean="${ean}"] img`)?.naturalWidth === 640,
          rice.ean,
        )
        expect(complaints).toEqual([])
        for (const { context } of [till, office]) await context.close()
      })

      test('a price reaches an open till over the broker’s WebSocket, and a till without network catches up', async () => {
        const { page, context } = await openTill(browser, shop.url, 'till-price')
        await page.fill('input[type=search]', rice.ean)
        const product = page.locator(`.product[data-ean="${rice.ean}"]`)
        expect((await shop.send('PUT', `/api/products/${rice.ean}/price`, { cents: 4_711 })).status).toBe(200)
        await product.getByText('R$ 47,11').waitFor()
        await context.setOffline(true)
        await page.waitForSelector('[data-status=offline]')
        expect((await shop.send('PUT', `/api/products/${rice.ean}/price`, { cents: 1_999 })).status).toBe(200)
        await context.setOffline(false)
        await page.waitForSelector('[data-status=online]')
        await product.getByText('R$ 19,99').waitFor()
        await context.close()
      })

      test('the back office shows all four ports up, who is there and how far an import is; for the chart it says why there is none', async () => {
        const complaints: string[] = []
        const till = await openTill(browser, shop.url, 'till-live')
        const { page, context } = await openPage(browser, `${shop.url}/office`, complaints)
        await page.waitForSelector('[data-link=live]')
        await page.locator('[data-device=till-live] .badge-good').waitFor()
        expect(await page.locator('[data-port] .badge-good').count()).toBe(4)
        await page.locator('[data-import] .badge-good').first().waitFor()
        expect(await page.locator('.chart').count()).toBe(0)
        expect(complaints).toEqual([])
        for (const opened of [till.context, context]) await opened.close()
      })
    })
  })
}
