import type { CatalogueView, FilesPage, Problem, SaleAnswer } from '../../src/contracts/api.js'
import type { Product } from '../../src/domain/product.js'
import type { ReceiptLayout } from '../../src/domain/receipt.js'
import type { SaleRequest } from '../../src/domain/sale.js'

/** The server said no: `problem` tells why. */
export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.title)
  }
}

/** No answer: the network, or the server is away. */
export class Unreachable extends Error {}

/** Longest wait for an answer, in milliseconds. */
const TIMEOUT_MS = 10_000
/** The same for a file that is sent, over a shop's slow line too. */
const UPLOAD_TIMEOUT_MS = 300_000

async function ask(path: string, init: RequestInit = {}, timeoutMs = TIMEOUT_MS): Promise<Response> {
  let response: Response
  try {
    response = await fetch(path, { ...init, signal: AbortSignal.timeout(timeoutMs) })
  } catch (cause) {
    throw new Unreachable('no answer', { cause })
  }
  if (response.ok || response.status === 304) return response
  const problem = await response.json().catch(() => undefined)
  if (response.status >= 502 && problem === undefined) throw new Unreachable(`status ${response.status}`)
  throw new Refused((problem as Problem | undefined) ?? { title: response.statusText, status: response.status, code: 'unknown' })
}

async function json<T>(path: string, init?: RequestInit, timeoutMs?: number): Promise<T> {
  return bodyOf<T>(await ask(path, init, timeoutMs))
}

/** The connection may break after the headers have come. */
async function bodyOf<T>(response: Response): Promise<T> {
  try {
    return (await response.json()) as T
  } catch (cause) {
    throw new Unreachable('the answer broke off', { cause })
  }
}

const send = (method: string, body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
})

interface UploadForm {
  readonly key: string
  readonly form: { readonly url: string; readonly fields: Readonly<Record<string, string>> }
}

export const api = {
  /** undefined when `etag` is still the catalogue's. */
  async catalogue(etag?: string): Promise<{ readonly view: CatalogueView; readonly etag: string } | undefined> {
    const response = await ask('/api/catalogue', etag === undefined ? {} : { headers: { 'if-none-match': etag }, cache: 'no-store' })
    if (response.status === 304) return undefined
    return { view: await bodyOf<CatalogueView>(response), etag: response.headers.get('etag') ?? '' }
  },
  sell: (sale: SaleRequest) =>
    json<SaleAnswer>('/api/sales', send('POST', sale, { 'x-telemetry-transaction-id': sale.saleId, 'x-telemetry-caller': sale.till })),
  connection: <T>(device: string) => json<T>('/api/device/connection', send('POST', { device })),
  changePrice: (ean: string, cents: number) => json<Product>(`/api/products/${ean}/price`, send('PUT', { cents })),
  layout: () => json<ReceiptLayout>('/api/office/receipt-layout'),
  saveLayout: (layout: ReceiptLayout) => json<ReceiptLayout>('/api/office/receipt-layout', send('PUT', layout)),
  redrive: (ids: readonly string[]) => json<{ redriven: number }>('/api/office/jobs/redrive', send('POST', { ids })),
  discard: (ids: readonly string[]) => json<{ discarded: number }>('/api/office/jobs/discard', send('POST', { ids })),
  files: (folder: string, startAfter?: string) =>
    json<FilesPage>(`/api/office/files?${new URLSearchParams({ folder, ...(startAfter === undefined ? {} : { startAfter }) })}`),
  importCsv: (file: File) =>
    json<{ importId: string }>(
      '/api/office/imports',
      { method: 'POST', headers: { 'content-type': 'text/csv', 'x-file-name': encodeURIComponent(file.name) }, body: file },
      UPLOAD_TIMEOUT_MS,
    ),

  /** Straight to the store by a signed form, then the shop is told. */
  async uploadPicture(ean: string, picture: Blob): Promise<Product> {
    const { key, form } = await json<UploadForm>(`/api/products/${ean}/picture-form`, send('POST', { contentType: picture.type }))
    const fields = new FormData()
    for (const [name, value] of Object.entries(form.fields)) fields.append(name, value)
    fields.append('file', picture)
    await ask(form.url, { method: 'POST', body: fields }, UPLOAD_TIMEOUT_MS)
    return json<Product>(`/api/products/${ean}/picture`, send('PUT', { key }))
  },
}
