import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { saleClosed } from '../contracts/events.js'
import type { Product } from '../domain/product.js'
import { ShopClient, ShopRefused } from './shop-client.js'
import { Tally } from './tally.js'
import { SimulatedTill } from './till.js'
import { findLosses } from './verify.js'

export interface SimulationOptions {
  readonly url: string
  readonly tills: number
  readonly minutes: number
  /** Sales per till and minute, on average. */
  readonly rate: number
  readonly say: (line: string) => void
}

/** Every fifth till goes away once, for a few seconds. */
const AWAY_EVERY = 5
const AWAY_MS = 4_000
const PRICE_EVERY_MS = 2_000
/** How long the last receipts, prices and events may take after the last sale. */
const SETTLE_MS = 60_000

/** Runs the shop's day in fast forward; gives what went missing, which ought to be nothing. */
export async function simulate({ url, tills: count, minutes, rate, say }: SimulationOptions): Promise<readonly string[]> {
  const shop = new ShopClient(url)
  const tally = new Tally()
  const products = await stocked(shop)
  const directory = mkdtempSync(join(tmpdir(), 'pdvend-tills-'))
  const names = Array.from({ length: count }, (_, i) => `till-sim-${Date.now().toString(36)}-${String(i + 1).padStart(2, '0')}`)
  const tills = names.map((name) => new SimulatedTill(name, shop, tally, join(directory, `${name}.log`), products))
  const started = new Date()
  try {
    await Promise.all(tills.map((till) => till.connect()))
    say(`${count} tills are online; selling for ${minutes} min at about ${rate} sales per till and minute`)
    const until = Date.now() + minutes * 60_000
    const clerk = changePrices(shop, tally, products, until)
    await Promise.all(tills.map((till, at) => till.work(until, rate, at % AWAY_EVERY === AWAY_EVERY - 1 ? AWAY_MS : 0)))
    await clerk
    say('the last sale is closed; waiting for receipts, prices and events')
    const losses = await settled(() => findLosses(shop, tally, tills, started))
    report(tally, count, minutes, say)
    if ((await shop.events(saleClosed.name, started)) === undefined)
      say("  events cannot be read back on the shop's profile, and were not looked at")
    return losses
  } finally {
    await Promise.all(tills.map((till) => till.disconnect()))
    rmSync(directory, { recursive: true, force: true })
  }
}

/** A new shop's catalogue is there a moment after the start. */
async function stocked(shop: ShopClient): Promise<readonly Product[]> {
  for (let tries = 0; ; tries += 1) {
    const { products } = await shop.catalogue()
    if (products.length >= 1_000 || (tries >= 40 && products.length > 0)) return products
    if (tries >= 60) throw new Error('the shop has no products')
    await sleep(500)
  }
}

async function changePrices(shop: ShopClient, tally: Tally, products: readonly Product[], until: number): Promise<void> {
  while (Date.now() < until - PRICE_EVERY_MS) {
    const { ean, cents } = products[Math.floor(Math.random() * products.length)]!
    tally.priceAskedAt.set(ean, Date.now())
    try {
      const { revision } = await shop.changePrice(ean, Math.max(50, Math.round(cents * (0.9 + Math.random() * 0.2))))
      tally.prices.set(ean, { revision })
      tally.priceChanges += 1
    } catch (error) {
      // A server that is away for a moment changes no price, and nobody was promised one.
      if (error instanceof ShopRefused) tally.failures.push(`the price of ${ean}: ${error.message}`)
    }
    await sleep(PRICE_EVERY_MS)
  }
}

async function settled(look: () => Promise<readonly string[]>): Promise<readonly string[]> {
  const deadline = Date.now() + SETTLE_MS
  for (;;) {
    const losses = await look().catch((error: unknown) => [`the shop cannot be asked: ${String(error)}`])
    if (losses.length === 0 || Date.now() > deadline) return losses
    await sleep(1_000)
  }
}

function report(tally: Tally, tills: number, minutes: number, say: (line: string) => void): void {
  const reais = (tally.cents / 100).toLocaleString('pt-BR', { style: 'currency', currency: 'BRL' })
  const doubled = [...tally.receipts.values()].filter((times) => times > 1).length
  const lines: readonly (readonly [string, string])[] = [
    ['sales', `${tally.sold.size} (${(tally.sold.size / minutes).toFixed(0)} a minute), ${reais}`],
    ['receipts pushed', `${tally.receipts.size}, handled twice: ${doubled}`],
    ['price changes', `${tally.priceChanges} for ${tills} tills, ${tally.pricePushes} pushes handled`],
    ['tills away and back', String(tally.absences)],
    ['requests tried again', `${tally.retries}, of them sold already: ${tally.repeatedSales}`],
    ['sales repriced', String(tally.repriced)],
    ['sale over HTTP', String(tally.saleMs)],
    ['sale to receipt', String(tally.receiptMs)],
    ['price to till', String(tally.priceMs)],
  ]
  for (const [name, value] of lines) say(`  ${name.padEnd(22)}${value}`)
}
