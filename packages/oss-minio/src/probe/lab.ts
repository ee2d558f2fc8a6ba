import { randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { readAll } from '../client/body.js'
import type { S3Client, S3Request } from '../client/s3-client.js'
import { S3Error } from '../client/s3-error.js'
import { header } from '../codec.js'

/** Where probes write: no key has such a name. */
export const PROBES = '.pdvend/probe-'

/** An answer, refusals included. */
export interface Outcome {
  readonly status: number
  readonly code: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** A corner of the bucket for one probe; what is written there is removed in the end, versions and uploads too. */
export class Lab {
  readonly root = `${PROBES}${randomBytes(6).toString('hex')}/`
  readonly #written = new Set<string>()
  readonly #versions: [name: string, version: string][] = []
  readonly #uploads: [name: string, id: string][] = []
  server = ''

  constructor(
    readonly client: S3Client,
    readonly signal: AbortSignal,
  ) {
    // Dozens of requests wait on it at once.
    setMaxListeners(0, signal)
  }

  name(name: string): string {
    return this.root + name
  }

  /** @throws S3Error for what the store could not do at all (5xx but 501) or the key may not; TransportError */
  async send(request: Omit<S3Request, 'signal'>): Promise<Outcome> {
    if (request.name !== undefined && request.method !== 'GET' && request.method !== 'HEAD') this.wrote(request.name)
    try {
      const { status, headers, message } = await this.client.open({ ...request, signal: this.signal })
      const text =
        request.method === 'HEAD'
          ? (message.resume(), '')
          : (await readAll(message, this.signal, this.client.idleTimeoutMs, 1_048_576)).toString('utf8')
      const version = header(headers, 'x-amz-version-id')
      if (version !== undefined && request.name !== undefined) this.#versions.push([request.name, version])
      this.server = header(headers, 'server') ?? this.server
      return { status, headers, text, code: '' }
    } catch (error) {
      if (!(error instanceof S3Error) || (error.status >= 500 && error.status !== 501) || error.code === 'AccessDenied') throw error
      return { status: error.status, headers: {}, text: '', code: error.code }
    }
  }

  put(name: string, body: string, headers: Readonly<Record<string, string>> = {}): Promise<Outcome> {
    return this.send({ method: 'PUT', name, headers, body: Buffer.from(body) })
  }

  get(name: string, headers: Readonly<Record<string, string>> = {}): Promise<Outcome> {
    return this.send({ method: 'GET', name, headers })
  }

  /** What others than {@link send} have written, e.g. by a signed URL. */
  wrote(name: string): void {
    this.#written.add(name)
  }

  began(name: string, uploadId: string): void {
    this.#uploads.push([name, uploadId])
  }

  async clear(): Promise<void> {
    const requests: Omit<S3Request, 'signal'>[] = [
      ...this.#uploads.map(([name, uploadId]) => ({ method: 'DELETE', name, query: { uploadId } }) as const),
      ...[...this.#written].map((name) => ({ method: 'DELETE', name }) as const),
      ...this.#versions.map(([name, versionId]) => ({ method: 'DELETE', name, query: { versionId } }) as const),
    ]
    // One by one where versions are: deleting a blob makes another.
    for (const request of requests) {
      const headers = await this.client.call({ ...request, signal: this.signal }).catch(() => undefined)
      const marker = headers === undefined ? undefined : header(headers, 'x-amz-version-id')
      if (marker !== undefined && request.query === undefined)
        await this.client.call({ ...request, query: { versionId: marker }, signal: this.signal }).catch(() => undefined)
    }
  }
}
