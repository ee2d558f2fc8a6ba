import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { connectDevice } from '@pdvend/device'
import type { DeviceConnection, Envelope, PortName } from '@pdvend/ports'
import type { FilesPage, ImportState, OfficeView } from '../src/contracts/api.js'
import { saleClosed } from '../src/contracts/events.js'
import { priceChanged } from '../src/contracts/messages.js'
import { simulate } from '../src/simulate/run.js'
import { ShopClient } from '../src/simulate/shop-client.js'
import { ShopProcess } from './browser/shop-process.js'
import { pdvend } from './pdvend.js'
import { eventually } from './shop-in-a-directory.js'

/** Engines of a profile, up and empty. */
export interface ShopEngines extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>
  /** Every event where it is stored in the end. */
  events(): Promise<readonly Envelope[]>
  /** What the operator does once everything is provisioned, said in a few words by {@link ShopProfile.afterwards}. */
  settle?(): Promise<void>
}

/** What is known of a profile before its engines are there. */
export interface ShopProfile {
  readonly profile: string
  readonly adapters: Readonly<Record<PortName, string>>
  /** Why this machine cannot have the engines; undefined: it can. */
  readonly missing: string | undefined
  readonly afterwards?: string
  start(): Promise<ShopEngines>
}

/** The shop as a person runs it on real engines: provisioned, examined, sold in, stopped and killed. */
export function describeShop(engines: string, { profile, adapters, missing, afterwards, start }: ShopProfile): void {
  const onEngines = missing === undefined ? describe : describe.skip

  onEngines(`the shop on ${engines}${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
    let home: ShopEngines
    let shop: ShopProcess
    let client: ShopClient
    beforeAll(async () => {
      home = await start()
      shop = new ShopProcess(undefined, home.env)
    })
    afterAll(async () => {
      await shop?.[Symbol.asyncDispose]()
      await home?.[Symbol.asyncDispose]()
    })

    const office = async (): Promise<OfficeView> => (await (await fetch(`${shop.url}/api/office`)).json()) as OfficeView

    /** The ids of all sales, from the store. */
    const soldSales = async (): Promise<readonly string[]> => {
      const ids: string[] = []
      for (let after: string | undefined = ''; after !== undefined;) {
        const query = new URLSearchParams({ folder: 'sales/', ...(after === '' ? {} : { startAfter: after }) })
        const page = (await (await fetch(`${shop.url}/api/office/files?${query}`)).json()) as FilesPage
        ids.push(...page.files.map(({ key }) => key.slice('sales/'.length, -'.json'.length)))
        after = page.next
      }
      return ids
    }

    test('it does not start before its engines have what it needs, and says how they get it', async () => {
      const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))
      const child = spawn(process.execPath, [main], { env: { ...process.env, PORT: '0', PDVEND_LOCAL_DIR: shop.directory, ...home.env } })
      const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit') as Promise<[number]>])
      expect(code).not.toBe(0)
      expect(said).toMatch(/pdv-shop|PDVEND_/)
      expect(said).toContain('pdvend provision')
    })

    test('pdvend provision plans, applies, and finds everything there', async () => {
      const args = ['provision', '--app', './dist/app.js']
      const planned = await pdvend(args, home.env)
      expect(planned).toMatchObject({ code: 2, out: expect.stringMatching(/create +\S+ +pdv-shop/) })
      expect(planned.out).toMatch(/receipt.issue/)
      expect(await pdvend([...args, '--apply'], home.env)).toMatchObject({ code: 0, out: expect.stringContaining('changes made') })
      expect(await pdvend(args, home.env)).toMatchObject({ code: 0, out: expect.stringContaining('everything is there') })
    })

    if (afterwards !== undefined) test(afterwards, () => home.settle!())

    test('pdvend doctor finds all four ports well, by round trips', async () => {
      const { code, out } = await pdvend(['doctor'], home.env)
      expect({ code, out }).toEqual({ code: 0, out: expect.stringMatching(/blob +\S+ +up .*put, got, listed and deleted a blob/) })
      expect(out).toMatch(/jobs +\S+ +up .*enqueued and worked a job/)
      expect(out).toMatch(/push +\S+ +up /)
    })

    test('it starts, and imports its catalogue through a job', async () => {
      await shop.start()
      client = new ShopClient(shop.url)
      const view = await office()
      expect(view.profile).toBe(profile)
      expect(Object.fromEntries(view.ports.map(({ port, adapter, state }) => [port, `${adapter} ${state}`]))).toEqual(
        Object.fromEntries(Object.entries(adapters).map(([port, adapter]) => [port, `${adapter} up`])),
      )
      expect(view.sales).toBeNull()
      const { products } = await client.catalogue()
      expect(products).toHaveLength(1_060)
    })

    test('a sale gives a receipt, which the store itself hands out', async () => {
      const { ean, cents } = (await client.catalogue()).products.find(({ unit }) => unit === 'un')!
      const saleId = '20261125-120000-ownengines'
      await client.sell({ saleId, till: 'till-1', lines: [{ ean, quantity: 2_000, cents }], payment: { method: 'pix' } })
      await eventually(async () => (await client.receipt(saleId).catch(() => undefined)) !== undefined, 60_000)
      const pdf = await client.receipt(saleId)
      expect(Buffer.from(pdf.subarray(0, 5)).toString()).toBe('%PDF-')
      const answer = await fetch(`${shop.url}/api/receipts/${saleId}`, { redirect: 'manual' })
      expect(new URL(answer.headers.get('location')!).origin).toBe(new URL(home.env['PDVEND_BLOB_ENDPOINT']!).origin)
    })

    test.each(['tcp', 'ws'] as const)('a price change reaches a real device over %s', async (transport) => {
      const { ean, cents } = (await client.catalogue()).products[7]!
      const heard: number[] = []
      const connection = () => client.connection<DeviceConnection>(`till-${transport}`)
      await using device = connectDevice({ connection, transport })
      device.on(priceChanged, (message) => void (message.ean === ean && heard.push(message.cents)))
      await eventually(async () => device.status === 'online', 30_000)
      await client.changePrice(ean, cents + 7)
      await eventually(async () => heard.includes(cents + 7), 30_000)
    })

    test('a supplier file is imported while the office watches', async () => {
      const { ean, name, cents } = (await client.catalogue()).products[3]!
      const header = 'codigo;nome;marca;categoria;unidade;preco'
      const csv = `${header}\n${ean};${name};;Mercearia;un;${((cents + 100) / 100).toFixed(2).replace('.', ',')}\n`
      const response = await fetch(`${shop.url}/api/office/imports`, { method: 'POST', headers: { 'content-type': 'text/csv' }, body: csv })
      const { importId } = (await response.json()) as Pick<ImportState, 'importId'>
      const done = await eventually(
        async () => (await office()).imports.find((each) => each.importId === importId && each.state === 'done'),
        60_000,
      )
      expect(done.report).toMatchObject({ rows: 1, refused: 0 })
    })

    test('SIGTERM drains: the next process finds every sale and every receipt', async () => {
      const { ean, cents } = (await client.catalogue()).products.find(({ unit }) => unit === 'un')!
      const ids = Array.from({ length: 20 }, (_, i) => `20261125-170000-drain${String(i).padStart(4, '0')}`)
      const sell = (saleId: string) =>
        client.sell({ saleId, till: 'till-drain', lines: [{ ean, quantity: 1_000, cents }], payment: { method: 'card' } })
      await Promise.all(ids.map(sell))
      expect(await shop.stop()).toBe('SIGTERM')
      await shop.start()
      expect((await Promise.all(ids.map(sell))).every(({ repeated }) => repeated)).toBe(true)
      for (const id of ids) await eventually(async () => (await client.receipt(id).catch(() => undefined)) !== undefined, 60_000)
    })

    test('kill -9 in the middle of the day, twice: no confirmed sale loses its receipt, its push or its event', async () => {
      const said: string[] = []
      const day = simulate({ url: shop.url, tills: 5, minutes: 0.5, rate: 60, say: (line) => said.push(line) })
      for (let kills = 0; kills < 2; kills += 1) {
        await sleep(6_000)
        expect(await shop.stop('SIGKILL')).toBe('SIGKILL')
        await shop.start()
      }
      expect(await day).toEqual([])
      process.stdout.write(`${said.join('\n')}\n`)
      const sales = Number(/sales +(\d+)/.exec(said.join('\n'))![1])
      expect(sales).toBeGreaterThan(5)

      // Every sale that is in the store is told: what a killed process had spooled, the next one sent.
      expect(await shop.stop()).toBe('SIGTERM')
      const told = new Set((await home.events()).flatMap(({ type, id }) => (type === saleClosed.name ? [id] : [])))
      await shop.start()
      const stored = await soldSales()
      expect(stored.length).toBeGreaterThanOrEqual(sales)
      expect(stored.filter((saleId) => !told.has(`sale-${saleId}`))).toEqual([])
    })
  })
}
