import { existsSync } from 'node:fs'
import { describe } from '@jest/globals'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/usr/bin/google-chrome-stable']

const executablePath = process.env.PDVEND_TEST_CHROMIUM ?? places.find((path) => existsSync(path))

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Tests in a real Chromium; without one they are skipped, and the name says why. With CI=true that is a failure. */
export function describeInBrowser(name: string, tests: () => void): void {
  if (executablePath === undefined && process.env.CI === 'true')
    throw new Error('these tests need a Chromium: install it or set PDVEND_TEST_CHROMIUM')
  const [run, title] = executablePath === undefined ? [describe.skip, `${name} (skipped: no Chromium on this machine)`] : [describe, name]
  run(title, () => {
    tests()
  })
}

export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: executablePath!, args: flags })
}

/** A page of its own profile, as if on another machine; what it says wrongly on its console is collected in `complaints`. */
export async function openPage(browser: Browser, url: string, complaints: string[] = []): Promise<{ page: Page; context: BrowserContext }> {
  const context = await browser.newContext({ locale: 'pt-BR', viewport: { width: 1280, height: 860 } })
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  await page.goto(url)
  return { page, context }
}

export async function openTill(
  browser: Browser,
  base: string,
  till: string,
  complaints?: string[],
): Promise<{ page: Page; context: BrowserContext }> {
  const opened = await openPage(browser, `${base}/till?till=${till}`, complaints)
  await opened.page.waitForSelector('.product')
  await opened.page.waitForSelector('[data-status=online]')
  return opened
}

/** A barcode from a scanner where no field has the focus. */
export async function scan(page: Page, ean: string): Promise<void> {
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur())
  await typeCode(page, ean)
}

/** Types a barcode as a scanner does, wherever the focus is: all keys in one burst, which key by key would not be on a busy machine. */
export async function typeCode(page: Page, ean: string): Promise<void> {
  const keyboard = await page.context().newCDPSession(page)
  const keys = Array.from(ean, (digit) => ({ key: digit, code: `Digit${digit}`, text: digit }))
  const strokes = [...keys, { key: 'Enter', code: 'Enter', text: '\r' }].flatMap((key) => [
    keyboard.send('Input.dispatchKeyEvent', { type: 'keyDown', ...key }),
    keyboard.send('Input.dispatchKeyEvent', { type: 'keyUp', key: key.key, code: key.code }),
  ])
  await Promise.all(strokes)
  await keyboard.detach()
}

/** For `addInitScript`, as on a slow tablet: what waits for the next frame waits for a second. */
export function slowFrames(): void {
  const later = setTimeout
  Object.assign(globalThis, {
    requestAnimationFrame: (draw: () => void) => later(draw, 1_000),
    setTimeout: (run: () => void, ms = 0) => later(run, ms > 0 && ms <= 100 ? 1_000 : ms),
  })
}
