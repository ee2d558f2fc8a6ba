import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { simulate } from '../src/simulate/run.js'
import { ShopClient } from '../src/simulate/shop-client.js'
import { Tally } from '../src/simulate/tally.js'
import { findLosses } from '../src/simulate/verify.js'
import { ShopProcess } from './browser/shop-process.js'

jest.setTimeout(120_000)

const shop = new ShopProcess()
beforeAll(async () => {
  await shop.start()
})
afterAll(async () => {
  await shop[Symbol.asyncDispose]()
})

test('five tills, one of them away for a while, lose nothing', async () => {
  const said: string[] = []
  const losses = await simulate({ url: shop.url, tills: 5, minutes: 0.15, rate: 60, say: (line) => said.push(line) })
  expect(losses).toEqual([])
  const sales = Number(/sales +(\d+)/.exec(said.join('\n'))![1])
  expect(sales).toBeGreaterThanOrEqual(5)
  expect(said.join('\n')).toMatch(new RegExp(`receipts pushed +${sales}, handled twice: 0`))
})

test('two processes over one directory are one shop: what one sells, the other shows', async () => {
  await using second = new ShopProcess(shop.directory)
  await second.start()
  const day = (url: string, say: string[]) => simulate({ url, tills: 3, minutes: 0.1, rate: 60, say: (line) => say.push(line) })
  const said: string[] = []
  const started = new Date()
  expect(await Promise.all([day(shop.url, said), day(second.url, said)])).toEqual([[], []])
  const sales = [...said.join('\n').matchAll(/sales +(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0)
  for (const { url } of [shop, second]) expect(await new ShopClient(url).events('sale.closed', started)).toHaveLength(sales)
})

test('kill -9 in the middle of the day, twice: no confirmed sale loses its receipt, its row or its push', async () => {
  const said: string[] = []
  const day = simulate({ url: shop.url, tills: 5, minutes: 0.4, rate: 90, say: (line) => said.push(line) })
  for (let kills = 0; kills < 2; kills += 1) {
    await sleep(5_000)
    expect(await shop.stop('SIGKILL')).toBe('SIGKILL')
    await shop.start()
  }
  expect(await day).toEqual([])
  expect(Number(/requests tried again +(\d+)/.exec(said.join('\n'))![1])).toBeGreaterThan(0)
})

test('what is lost is found: receipt, rows and document', async () => {
  const tally = new Tally()
  tally.sold.set('20261123-000000-neversold', { till: 'till-1', soldAt: Date.now() })
  const losses = await findLosses(new ShopClient(shop.url), tally, [], new Date(Date.now() - 60_000))
  expect(losses.map((line) => line.replace(/:.*/, ''))).toEqual([
    '1 sales whose receipt was never pushed',
    '1 sales without a row sale.closed',
    '1 sales without a row receipt.issued',
    '1 receipts that cannot be opened',
  ])
})

test('SIGTERM drains: the process ends by that signal, and the next one finds everything', async () => {
  const client = new ShopClient(shop.url)
  const { products } = await client.catalogue()
  const { ean, cents, unit } = products.find((product) => product.unit === 'un')!
  expect(unit).toBe('un')
  const ids = Array.from({ length: 20 }, (_, i) => `20261123-170000-drain${String(i).padStart(4, '0')}`)
  const sell = (saleId: string) =>
    client.sell({ saleId, till: 'till-drain', lines: [{ ean, quantity: 1_000, cents }], payment: { method: 'card' } })
  await Promise.all(ids.map(sell))
  expect(await shop.stop()).toBe('SIGTERM')
  await shop.start()
  const again = await Promise.all(ids.map(sell))
  expect(again.every(({ repeated }) => repeated)).toBe(true)
})
