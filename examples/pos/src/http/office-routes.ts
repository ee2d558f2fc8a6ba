import type { FastifyInstance, FastifyRequest } from 'fastify'
import { MAX_CSV_BYTES } from '../use-cases/import-catalogue.js'
import { newImportId } from '../use-cases/imports.js'
import { input, read } from './input.js'
import { HttpProblem } from './problems.js'
import type { Shop } from './shop.js'

/** What the back office asks for. */
export function officeRoutes(server: FastifyInstance, shop: Shop): void {
  // A file goes on to the store as it comes in, never whole into memory.
  server.addContentTypeParser('text/csv', { bodyLimit: MAX_CSV_BYTES }, (_request, payload, done) => done(null, payload))

  server.get('/api/office', () => shop.office.view())

  server.put('/api/products/:ean/price', async (request) => {
    const { ean } = read(input.ean, request.params, 'address')
    const { cents } = read(input.price, request.body, 'price')
    return (await shop.changePrice.run(ean, cents)) ?? unknownProduct(ean)
  })

  server.post('/api/products/:ean/picture-form', async (request) => {
    const { ean } = read(input.ean, request.params, 'address')
    const { contentType } = read(input.pictureForm, request.body, 'picture')
    return (await shop.pictures.form(ean, contentType)) ?? unknownProduct(ean)
  })

  server.put('/api/products/:ean/picture', async (request) => {
    const { ean } = read(input.ean, request.params, 'address')
    const { key } = read(input.picture, request.body, 'picture')
    const accepted = await shop.pictures.accept(ean, key)
    if (accepted === 'unknownProduct') return unknownProduct(ean)
    if (accepted === 'unknownUpload') throw new HttpProblem(422, accepted, 'Nothing was uploaded under that key for this product.')
    if (accepted === 'notAPicture') throw new HttpProblem(422, accepted, 'That file is no PNG, JPEG or WebP picture.')
    return accepted
  })

  server.get('/api/office/receipt-layout', () => shop.layouts.read())

  server.put('/api/office/receipt-layout', async (request) => {
    const layout = read(input.layout, request.body, 'receipt layout')
    await shop.layouts.write(layout)
    return layout
  })

  server.post('/api/office/imports', async (request, reply) => {
    if (request.headers['content-type']?.startsWith('text/csv') !== true)
      throw new HttpProblem(415, 'notCsv', 'Send the file as the body, with the content type text/csv.')
    const importId = newImportId()
    await shop.imports.request(importId, fileName(request), bounded(request))
    return reply.code(202).send({ importId })
  })

  server.post('/api/office/jobs/redrive', async (request) => {
    const { ids } = read(input.jobIds, request.body, 'list of jobs')
    return { redriven: await shop.office.redrive(ids) }
  })

  server.post('/api/office/jobs/discard', async (request) => {
    const { ids } = read(input.jobIds, request.body, 'list of jobs')
    return { discarded: await shop.office.discard(ids) }
  })

  server.get('/api/office/files', (request) => {
    const { folder, startAfter } = read(input.files, request.query, 'query')
    return shop.files.page(folder, startAfter)
  })

  server.get('/api/office/events', async (request) => {
    const { type, from, limit } = read(input.events, request.query, 'query')
    const rows = await shop.office.events(type, new Date(from), limit)
    if (rows === undefined) throw new HttpProblem(501, 'noQuery', "This profile's telemetry cannot be read back.")
    return rows
  })
}

function unknownProduct(ean: string): never {
  throw new HttpProblem(404, 'unknownProduct', `There is no product ${ean}.`)
}

/** From the header `X-File-Name`, percent-encoded; only for showing. */
function fileName(request: FastifyRequest): string {
  const header = request.headers['x-file-name']
  try {
    const name = decodeURIComponent(typeof header === 'string' ? header : '').replace(/\p{Cc}/gu, '')
    return name.slice(0, 100) || 'catalogue.csv'
  } catch {
    throw new HttpProblem(400, 'invalid', 'The header X-File-Name is not percent-encoded UTF-8.')
  }
}

/** The file as it comes; one that turns out too large is refused, and the store keeps nothing of it. */
async function* bounded(request: FastifyRequest): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const chunk of request.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength
    if (bytes > MAX_CSV_BYTES) throw new HttpProblem(413, 'tooLarge', `The file is larger than ${MAX_CSV_BYTES} bytes.`)
    yield chunk
  }
}
