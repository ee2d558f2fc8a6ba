import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { catalogueEtag, type SaleAnswer } from '../contracts/api.js'
import { formatCents } from '../domain/money.js'
import type { SaleRefusal, SaleRequest } from '../domain/sale.js'
import { input, read } from './input.js'
import { HttpProblem } from './problems.js'
import type { Shop } from './shop.js'

const compress = promisify(gzip)

/** What a till asks for. */
export function tillRoutes(server: FastifyInstance, shop: Shop): void {
  let zipped: { readonly tag: string; readonly body: Promise<Buffer> } | undefined

  server.get('/api/catalogue', async (request, reply) => {
    const { tag, view } = await shop.catalogue.current()
    const etag = catalogueEtag(tag)
    void reply.header('etag', etag).header('cache-control', 'private, no-cache').header('vary', 'accept-encoding')
    if (request.headers['if-none-match'] === etag) return reply.code(304).send()
    void reply.type('application/json; charset=utf-8')
    if (!String(request.headers['accept-encoding'] ?? '').includes('gzip')) return reply.send(JSON.stringify(await view))
    if (zipped?.tag !== tag) {
      zipped = { tag, body: view.then((catalogue) => compress(JSON.stringify(catalogue))) }
      zipped.body.catch(() => (zipped = undefined))
    }
    return reply.header('content-encoding', 'gzip').send(await zipped.body)
  })

  server.post('/api/sales', async (request, reply): Promise<SaleAnswer> => {
    const result = await shop.closeSale.run(read(input.sale, request.body, 'sale') as SaleRequest)
    if ('refusal' in result) throw refused(result.refusal)
    const { sale, repeated } = result
    void reply.code(repeated ? 200 : 201)
    return { saleId: sale.saleId, totalCents: sale.totalCents, changeCents: sale.changeCents, repeated }
  })

  server.get('/api/sales/:saleId', async (request) => {
    const { saleId } = read(input.saleId, request.params, 'address')
    const status = await shop.lookUpSale.status(saleId)
    if (status === undefined) throw new HttpProblem(404, 'unknownSale', `There is no sale ${saleId}.`)
    return status
  })

  server.get('/api/receipts/:saleId', async (request, reply) => {
    const { saleId } = read(input.saleId, request.params, 'address')
    const url = await shop.lookUpSale.receiptUrl(saleId)
    if (url === undefined) throw new HttpProblem(404, 'noReceipt', `The receipt of sale ${saleId} is not there yet.`)
    return reply.header('cache-control', 'no-store').redirect(url, 302)
  })

  server.post('/api/device/connection', async (request, reply) => {
    const { device } = read(input.device, request.body, 'request for a connection')
    const connection = await shop.connectTill.connection(device)
    await shop.devices.welcome(device)
    return reply.header('cache-control', 'no-store').send(connection)
  })
}

function refused(refusal: SaleRefusal | { readonly reason: 'otherSaleUnderThisId' }): HttpProblem {
  switch (refusal.reason) {
    case 'unknownProduct':
      return new HttpProblem(422, refusal.reason, `The shop does not sell ${refusal.eans.join(', ')}.`)
    case 'quantity':
      return new HttpProblem(422, refusal.reason, `Sold by the piece, so only whole ones: ${refusal.eans.join(', ')}.`)
    case 'priceChanged':
      return new HttpProblem(409, refusal.reason, 'Prices have changed since the customer saw them.', { prices: refusal.prices })
    case 'notEnoughCash':
      return new HttpProblem(422, refusal.reason, `The total is ${formatCents(refusal.totalCents)}; the customer gave less.`)
    case 'otherSaleUnderThisId':
      return new HttpProblem(409, refusal.reason, 'Another sale has this id: make a new one.')
  }
}
