import { createHash } from 'node:crypto'
import { defineApp, type Running } from '@pdvend/container'
import { connectDevice, type Device } from '@pdvend/device'
import { BlobStorage, discard, handle, JobQueue, PortError, PushNotifications, Telemetry, withContext } from '@pdvend/ports'
import type { Home } from './homes.js'
import { issueReceipt, jobs, moveStock, priceChanged, receiptIssued, receiptReady, receiptShown, saleClosed, sendMail } from './shop.js'

const TILLS = ['till-1', 'till-2', 'till-3'] as const
const SKUS = ['açúcar', 'feijão', 'pão de queijo']
const SALES = 30
const MOVES = 8

/** Everything that can be seen from outside after the day; no times, no ids that an engine makes. */
export interface Day {
  readonly refusals: Readonly<Record<string, string>>
  readonly files: Readonly<Record<string, object>>
  readonly folders: readonly string[]
  readonly signed: Readonly<Record<string, unknown>>
  /** By key: the moves in the order in which they were done. */
  readonly stock: Readonly<Record<string, readonly number[]>>
  readonly mails: readonly number[]
  readonly attempts: Readonly<Record<string, number>>
  readonly dead: readonly object[]
  readonly queue: object
  /** By till: the prices in the order in which they came, and whose receipts came, each as often as it was handled. */
  readonly tills: Readonly<Record<string, { readonly prices: readonly string[]; readonly receipts: readonly string[] }>>
  readonly shown: readonly string[]
  readonly presence: Readonly<Record<string, string>>
  readonly events: readonly object[]
  readonly ledger: object
}

const saleId = (number: number): string => `sale-${String(number).padStart(3, '0')}`
const tillOf = (number: number): (typeof TILLS)[number] => TILLS[number % TILLS.length]!

/** One day of the shop, from the first file to the last event. */
export async function runDay(home: Home): Promise<Day> {
  const app = defineApp({ profiles: { home: home.profile }, jobs, signals: [] })
  const env = { PDVEND_DRAIN_MS: '30000', ...home.env, PDVEND_PROFILE: 'home' }
  {
    await using plan = await app.provision(env)
    await plan.apply()
  }
  home.allow?.((await app.permissions(env)).flatMap(({ permissions = [] }) => permissions))
  await using running = await app.start(env)
  await home.mount?.(running)
  const day = new ShopDay(running)
  await day.openTills()
  const refusals = await day.stockShelves()
  const signed = await day.hangPictures()
  const worker = day.startWork()
  await day.sell(0, SALES / 2)
  await day.changePrices('morning')
  await day.close(1)
  await day.changePrices('noon')
  await day.sell(SALES / 2, SALES)
  await day.open(1)
  await day.changePrices('evening')
  await day.settle()
  const dead = await day.buryAndRaise()
  const result = await day.look(home)
  await day.closeAll()
  await worker.close()
  return { ...result, refusals, signed, dead }
}

class ShopDay {
  readonly #blobs: BlobStorage
  readonly #jobs: JobQueue
  readonly #push: PushNotifications
  readonly #telemetry: Telemetry
  readonly #devices = new Map<string, Device>()
  readonly #tills = Object.fromEntries(TILLS.map((till) => [till, { prices: [] as string[], receipts: [] as string[] }]))
  readonly #stores = new Map<string, ReturnType<typeof memory>>()
  readonly #stock: Record<string, number[]> = {}
  readonly #mails: number[] = []
  readonly #attempts: Record<string, number> = {}
  readonly #shown: string[] = []
  #printerWorks = false
  #prices = 0

  constructor(readonly running: Running) {
    this.#blobs = running.container.get(BlobStorage)
    this.#jobs = running.container.get(JobQueue)
    this.#push = running.container.get(PushNotifications)
    this.#telemetry = running.container.get(Telemetry)
    this.#push.onMessage(receiptShown, ({ saleId: sale }, { device }) => void this.#shown.push(`${device} ${sale}`))
  }

  async openTills(): Promise<void> {
    for (const at of TILLS.keys()) await this.open(at)
  }

  async open(at: number): Promise<void> {
    const till = TILLS[at]!
    const seen = this.#tills[till]!
    const store = this.#stores.get(till) ?? memory()
    this.#stores.set(till, store)
    const connection = () => this.#push.credentials.issue(till, { ttlMs: 600_000, groups: ['tills'] })
    const device = connectDevice({ connection, store, transport: 'tcp', reconnect: { maxMs: 1_000 }, heartbeatMs: 2_000 })
    device.on(priceChanged, ({ sku, cents }) => void seen.prices.push(`${sku} ${cents}`))
    device.on(receiptReady, ({ saleId: sale }) => {
      seen.receipts.push(sale)
      device.send(receiptShown, { saleId: sale }, { id: `shown-${sale}` }).catch(() => undefined)
    })
    this.#devices.set(till, device)
    await until(`${till} is online`, async () => (await this.#push.presence.get(till)).state === 'online')
  }

  async close(at: number): Promise<void> {
    const till = TILLS[at]!
    await this.#devices.get(till)!.close()
    await until(`${till} is offline`, async () => (await this.#push.presence.get(till)).state === 'offline')
  }

  async closeAll(): Promise<void> {
    for (const device of this.#devices.values()) await device.close()
  }

  /** Files with every kind of key, and what a store must refuse. */
  async stockShelves(): Promise<Record<string, string>> {
    const keys = [
      'catalogue/açúcar.json',
      'catalogue/a//b',
      'catalogue/Case',
      'catalogue/case',
      'catalogue/dir',
      'catalogue/dir/',
      'catalogue/🍚',
      'catalogue/a b+c%2F',
      'p',
      'p/q',
    ]
    for (const key of keys)
      await this.#blobs.put(key, `goods of ${key}`, { contentType: 'text/plain', metadata: { shelf: `prateleira nº ${key.length}` } })
    const large = new Uint8Array(9 * 1024 * 1024).map((_, at) => (at * 31 + (at >> 8)) & 255)
    await this.#blobs.put(
      'catalogue/large.bin',
      (async function* () {
        for (let at = 0; at < large.length; at += 65_536) yield large.subarray(at, at + 65_536)
      })(),
    )
    await this.#blobs.copy('catalogue/large.bin', 'catalogue/copy.bin')
    const first = await this.#blobs.put('settings.json', '{"shop":1}', { if: { create: true } })
    await this.#blobs.update('settings.json', async (current) => JSON.stringify({ shop: 2, was: await current?.json() }))
    await Promise.all(
      Array.from({ length: 10 }, () => this.#blobs.update('counter', async (current) => String(Number((await current?.text()) ?? 0) + 1))),
    )
    await this.#blobs.put('bin/1', 'x')
    await this.#blobs.put('bin/2', 'x')
    for await (const { error } of this.#blobs.deleteMany(['bin/1', 'bin/2', 'bin/none'])) if (error !== undefined) throw error
    return {
      'create what is there': await codeOf(this.#blobs.put('settings.json', 'x', { if: { create: true } })),
      'replace an old one': await codeOf(this.#blobs.put('settings.json', 'x', { if: { replace: first.etag } })),
      'read what is not there': await codeOf(this.#blobs.head('nothing')),
      'read past the end': await codeOf(this.#blobs.get('p', { range: { offset: 1_000 } })),
      'read the unchanged': await codeOf(this.#blobs.get('settings.json', { ifMatch: first.etag })),
      'copy what is not there': await codeOf(this.#blobs.copy('nothing', 'something')),
      'a key that climbs': await codeOf(this.#blobs.put('../etc/passwd', 'x')),
      'a job that is invalid': await codeOf(this.#jobs.enqueue(sendMail, { number: 'one' } as never)),
      'a hostile device': await codeOf(this.#push.publish({ device: 'till/+/#' }, receiptReady, { saleId: 'x' })),
    }
  }

  /** Uploads and downloads by signed URL, as a browser does them. */
  async hangPictures(): Promise<Record<string, unknown>> {
    const png = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 1, 2, 3])
    const form = await this.#blobs.sign.post('pictures/posted.png', {
      contentType: 'image/png',
      minBytes: 1,
      maxBytes: 1_000,
      ttlMs: 60_000,
    })
    const post = (bytes: Uint8Array<ArrayBuffer>): Promise<Response> => {
      const body = new FormData()
      for (const [name, value] of Object.entries(form.fields)) body.append(name, value)
      body.append('file', new Blob([bytes], { type: 'image/png' }))
      return fetch(form.url, { method: 'POST', body })
    }
    const posted = await post(png)
    const tooLarge = await post(new Uint8Array(2_000))
    const { url } = await this.#blobs.sign.get('pictures/posted.png', { ttlMs: 60_000, contentDisposition: 'inline; filename="a.png"' })
    const shown = await fetch(url)
    const forged = await fetch(url.replace('posted', 'p0sted'))
    return {
      posted: posted.ok,
      tooLarge: tooLarge.ok,
      shown: [shown.status, shown.headers.get('content-type'), shown.headers.get('content-disposition')],
      bytes: sha256(new Uint8Array(await shown.arrayBuffer())),
      forged: forged.ok,
    }
  }

  startWork() {
    const attempt = (name: string, number: number): void => void (this.#attempts[name] = Math.max(this.#attempts[name] ?? 0, number))
    return this.#jobs.work(
      [
        handle(issueReceipt, async ({ saleId: sale, till }, job) => {
          attempt(sale, job.attempt)
          const number = Number(sale.slice(-3))
          if (number % 7 === 0 && job.attempt === 1) throw new Error('the printer is busy')
          if (number % 10 === 9 && !this.#printerWorks) throw new Error('the printer is on fire', { cause: new Error('no paper') })
          if (number % 13 === 12) throw discard('the customer wants no receipt')
          const { sizeBytes } = await this.#blobs.put(`receipts/${sale}.txt`, `Recibo ${sale} de ${till}`, { contentType: 'text/plain' })
          await this.#push.publish({ device: till }, receiptReady, { saleId: sale }, { id: `receipt-${sale}` })
          this.#telemetry.emit(receiptIssued, { saleId: sale, bytes: sizeBytes }, { id: `issued-${sale}`, key: till })
        }),
        handle(moveStock, async ({ sku, move }, job) => {
          if (move === 3 && job.attempt < 3) throw new Error('the shelf is locked')
          ;(this.#stock[sku] ??= []).push(move)
        }),
        handle(sendMail, async ({ number }, job) => {
          attempt(`mail-${number}`, job.attempt)
          if (number % 5 === 0) throw new Error('no such address')
          this.#mails.push(number)
        }),
      ],
      { concurrency: 8 },
    )
  }

  /** Sells; every third sale is asked for twice, as by a till that got no answer. */
  async sell(from: number, to: number): Promise<void> {
    for (let number = from; number < to; number += 1) {
      const [sale, till] = [saleId(number), tillOf(number)]
      const close = async (): Promise<void> => {
        await this.#blobs.put(`sales/${sale}.json`, JSON.stringify({ sale, till }), { if: { create: true } }).catch((error: unknown) => {
          if (!PortError.is(error, 'PRECONDITION_FAILED')) throw error
        })
        this.#telemetry.emit(
          saleClosed,
          { saleId: sale, till, cents: number * 100 },
          { id: sale, key: till, at: new Date(1_764_000_000_000 + number) },
        )
        await this.#jobs.enqueue(issueReceipt, { saleId: sale, till }, { dedupeKey: sale })
      }
      await withContext({ transactionId: `transaction-${number}`, component: 'parity' }, close)
      if (number % 3 === 0) await withContext({ transactionId: `transaction-${number}`, component: 'parity' }, close)
      await this.#jobs.enqueue(sendMail, { number })
    }
    const moves = from === 0 ? [0, MOVES / 2] : [MOVES / 2, MOVES]
    for (let move = moves[0]!; move < moves[1]!; move += 1) for (const sku of SKUS) await this.#jobs.enqueue(moveStock, { sku, move })
  }

  /** To all at once, and to the group; one of the tills may be away. */
  async changePrices(time: string): Promise<void> {
    for (let number = 0; number < 5; number += 1) {
      const to = number % 2 === 0 ? ({ all: true } as const) : ({ group: 'tills' } as const)
      await this.#push.publish(to, priceChanged, { sku: `${time} ${number}`, cents: (this.#prices += 1) })
    }
  }

  /** Until nothing is on its way. */
  async settle(): Promise<void> {
    await until('the queue is empty', async () => {
      const { ready, delayed, inFlight } = await this.#jobs.stats()
      return ready + delayed + inFlight === 0
    })
    await until('each till has each price', async () => Object.values(this.#tills).every(({ prices }) => prices.length >= this.#prices))
    await this.#receiptsShown()
  }

  async #receiptsShown(): Promise<void> {
    await until('each receipt was shown', async () => {
      let issued = 0
      for await (const entry of this.#blobs.list({ prefix: 'receipts/' })) if (entry.kind === 'blob') issued += 1
      return issued > 0 && new Set(this.#shown).size === issued
    })
  }

  /** The dead of the day; those whose printer burnt are sent back once it works. */
  async buryAndRaise(): Promise<readonly object[]> {
    const dead: { subject: unknown; reason: string; attempts: number; errors: readonly string[]; id: string }[] = []
    for await (const { id, input, reason, attempts, errors } of this.#jobs.dead.list())
      dead.push({ id, subject: input, reason, attempts, errors })
    this.#printerWorks = true
    const burnt = dead.filter(({ errors }) => errors.join().includes('on fire')).map(({ id }) => id)
    const redriven = await this.#jobs.dead.redrive({ ids: burnt })
    if (redriven !== burnt.length) throw new Error(`${redriven} of ${burnt.length} were sent back`)
    await this.settle()
    await this.#jobs.dead.discard({ reason: 'discarded' })
    return dead.map(({ id: _, ...rest }) => rest).sort(bySubject)
  }

  async look(home: Home) {
    const files: Record<string, object> = {}
    for await (const entry of this.#blobs.list()) {
      if (entry.kind !== 'blob') continue
      await using reader = await this.#blobs.get(entry.key)
      const { contentType, metadata, sizeBytes } = reader.info
      files[entry.key] = { contentType, metadata, sizeBytes, listed: entry.sizeBytes, sha256: sha256(await reader.bytes()) }
    }
    const folders: string[] = []
    for await (const entry of this.#blobs.list({ delimiter: '/' })) folders.push(entry.kind === 'prefix' ? entry.prefix : entry.key)
    const { oldestAgeMs: _, ...queue } = await this.#jobs.stats()
    const presence: Record<string, string> = {}
    for (const till of [...TILLS, 'till-never']) presence[till] = (await this.#push.presence.get(till)).state
    await this.#telemetry.flush()
    const stored = (await Promise.all([saleClosed, receiptIssued].map(({ name }) => home.events(this.running, name)))).flat()
    const events = stored.map(({ id, type, data, context, at }) => ({
      ...{ id, type, data },
      // A receipt is issued when it is; a sale says its own time.
      ...(type === saleClosed.name ? { at: at.toISOString() } : {}),
      transactionId: context.transactionId,
    }))
    const tills = Object.fromEntries(
      Object.entries(this.#tills).map(([till, { prices, receipts }]) => [till, { prices, receipts: receipts.sort() }]),
    )
    return {
      ...{ files, folders, queue, presence, tills, stock: this.#stock, attempts: this.#attempts, ledger: this.#telemetry.ledger() },
      mails: this.#mails.sort((a, b) => a - b),
      shown: this.#shown.sort(),
      events: events.sort((a, b) => (a.id < b.id ? -1 : 1)),
    }
  }
}

function bySubject(one: { subject: unknown }, other: { subject: unknown }): number {
  return JSON.stringify(one.subject) < JSON.stringify(other.subject) ? -1 : 1
}

/** A device's memory that outlives the device, as a file would. */
function memory() {
  const entries = new Map<string, unknown>()
  return {
    load: async () => new Map(entries),
    write: async (changes: ReadonlyMap<string, unknown>) => {
      for (const [key, value] of changes)
        if (value === undefined) entries.delete(key)
        else entries.set(key, value)
    },
    close: async () => {},
  }
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'done'
  } catch (error) {
    return PortError.is(error) ? error.code : String(error)
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function until(what: string, look: () => Promise<boolean>, withinMs = 60_000): Promise<void> {
  for (const deadline = Date.now() + withinMs; ;) {
    if (await look()) return
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
