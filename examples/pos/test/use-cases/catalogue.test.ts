import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { BlobStorage, JobQueue, PushNotifications } from '@pdvend/ports'
import { Catalogue } from '../../src/use-cases/catalogue.js'
import { ImportCatalogue } from '../../src/use-cases/import-catalogue.js'
import { Imports } from '../../src/use-cases/imports.js'
import { OpenShop } from '../../src/use-cases/open-shop.js'
import { PictureUpload } from '../../src/use-cases/picture-upload.js'
import { ShowCatalogue } from '../../src/use-cases/show-catalogue.js'
import { StoredFiles } from '../../src/use-cases/stored-files.js'
import { eventually, openShop, type TestShop } from '../shop-in-a-directory.js'

const demo = readFileSync(new URL('../../data/catalog.csv', import.meta.url))

let shop: TestShop
beforeAll(async () => {
  shop = await openShop()
  shop.work()
})
afterAll(async () => {
  await shop[Symbol.asyncDispose]()
})

test('a new store gets pictures and the demo catalogue, once', async () => {
  const openings = await Promise.all([1, 2].map(() => shop.container.get(OpenShop).run(async () => demo)))
  expect(openings).toEqual(['opened', 'opened'])
  const imports = shop.container.get(Imports)
  const state = await eventually(async () => {
    const [latest] = await imports.latest()
    return latest?.state === 'done' && latest
  })
  expect(state.report).toMatchObject({ rows: 1_060, added: 1_060, changed: 0, refused: 0 })
  expect(await shop.container.get(OpenShop).run(() => Promise.reject(new Error('not read')))).toBe('alreadyOpen')
  expect((await shop.container.get(JobQueue).stats()).dead).toBe(0)
  const folders = await shop.container.get(StoredFiles).folders()
  expect(folders.map(({ folder, files }) => [folder, files])).toEqual([
    ['catalogue/', 32],
    ['imports/', 2],
    ['pictures/', 14],
  ])
})

test('edits of many products at once all count, whoever makes them', async () => {
  const catalogue = shop.container.get(Catalogue)
  const other = new Catalogue(shop.container.get(BlobStorage))
  const eans = [...(await catalogue.read()).products.keys()].slice(0, 40)
  await Promise.all(eans.map((ean, at) => (at % 2 === 0 ? catalogue : other).change(ean, (product) => ({ ...product, cents: 1_000 + at }))))
  for (const reader of [catalogue, other]) {
    const { products } = await reader.read()
    expect(eans.map((ean) => products.get(ean)!.cents)).toEqual(eans.map((_, at) => 1_000 + at))
    expect(products.get(eans[0]!)!.revision).toBe(2)
  }
  expect(await catalogue.change('0000000000000', (product) => product)).toBeUndefined()
})

test('importing again changes what differs, keeps pictures and tells refused lines', async () => {
  const catalogue = shop.container.get(Catalogue)
  const imports = shop.container.get(Imports)
  const [ean] = [...(await catalogue.read()).products.keys()].slice(100)
  await catalogue.change(ean!, (product) => ({ ...product, picture: 'pictures/products/x.png' }))
  const lines = demo.toString('utf8').split('\n')
  const mine = lines.find((line) => line.startsWith(ean!))!
  const changed = mine.replace(/[^;]*$/, '99,99')
  await imports.request('20261123-160000-again', 'de novo.csv', [lines[0], changed, '123;x;y;z;un;1', ''].join('\n'))
  const state = await eventually(async () => {
    const found = await imports.state('20261123-160000-again')
    return found?.state === 'done' && found
  })
  expect(state.report).toMatchObject({ rows: 2, added: 0, changed: 1, refused: 1, problems: [{ line: 3 }] })
  expect((await catalogue.read()).products.get(ean!)).toMatchObject({ cents: 9_999, picture: 'pictures/products/x.png' })
})

test('an import that stored everything and could not tell the tills tells them at its next attempt', async () => {
  const publish = jest.spyOn(shop.container.get(PushNotifications), 'publish').mockRejectedValueOnce(new Error('the broker is away'))
  try {
    const importId = '20261123-160050-untold'
    const lines = demo.toString('utf8').split('\n', 2)
    await shop.container.get(BlobStorage).put(`imports/${importId}.csv`, [lines[0], lines[1]!.replace(/[^;]*$/, '88,88'), ''].join('\n'))
    const run = () => shop.container.get(ImportCatalogue).run(importId, new AbortController().signal)
    await expect(run()).rejects.toThrow('the broker is away')
    await run()
    expect(publish).toHaveBeenCalledTimes(2)
  } finally {
    publish.mockRestore()
    await shop.container.get(BlobStorage).delete(`imports/20261123-160050-untold.csv`)
  }
})

test('a file that is no catalogue dies with its reason', async () => {
  const imports = shop.container.get(Imports)
  await imports.request('20261123-160100-wrong', 'foto.csv', 'isto não é um catálogo')
  await eventually(async () => (await imports.state('20261123-160100-wrong'))?.state === 'failed')
  for await (const dead of shop.container.get(JobQueue).dead.list()) expect(dead.errors.join()).toContain('lacks the columns')
})

test('the view for tills changes its tag with any change, and signs each picture once', async () => {
  const show = shop.container.get(ShowCatalogue)
  const first = await show.current()
  expect((await show.current()).tag).toBe(first.tag)
  const view = await first.view
  expect(Object.keys(view.pictures)).toHaveLength(15)
  const { ean } = view.products[0]!
  await shop.container.get(Catalogue).change(ean, (product) => ({ ...product, cents: 1 }))
  expect((await show.current()).tag).not.toBe(first.tag)
})

test('only pictures of that product are taken, by what they hold', async () => {
  const blobs = shop.container.get(BlobStorage)
  const upload = shop.container.get(PictureUpload)
  const [ean, other] = [...(await shop.container.get(Catalogue).read()).products.keys()] as [string, string]
  const { key, form } = (await upload.form(ean, 'image/png'))!
  expect(form.url).toBe('/blobs')
  expect(await upload.accept(ean, key)).toBe('unknownUpload')
  await blobs.put(key, '<svg onload="alert(1)"/>')
  expect(await upload.accept(ean, key)).toBe('notAPicture')
  expect(await blobs.exists(key)).toBe(false)
  await blobs.put(key, new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0]))
  expect(await upload.accept(other, key)).toBe('unknownUpload')
  expect(await upload.accept(ean, key)).toMatchObject({ ean, picture: key })
  expect(await upload.form('0000000000000', 'image/png')).toBeUndefined()
})

test('two processes over one directory see the same shop', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'pdvend-pos-two-'))
  await using first = await openShop(directory)
  await using second = await openShop(directory)
  const offer = { ean: '7891000000137', name: 'Arroz', brand: '', category: 'grocery', unit: 'un', cents: 749 } as const
  await first.container.get(Catalogue).store([offer], async () => undefined)
  expect((await second.container.get(Catalogue).read()).products.get(offer.ean)).toMatchObject({ cents: 749 })
})
