import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { local } from '@pdvend/local'
import { startAwsHome, startEngine, whyMissing, whyNoAwsHome } from '@pdvend/engines'
import { BlobStorage, decodeEnvelope, type Permission, type Profile, Telemetry, type TelemetryRow } from '@pdvend/ports'
import type { Running } from '@pdvend/container'
import { createBlobHandler } from '@pdvend/local/blob-handler'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

/** A stored event, as far as every home can tell. */
export type StoredEvent = Pick<TelemetryRow, 'id' | 'type' | 'at' | 'data' | 'context'>

/** A home of the app, with its engines up. */
export interface Home extends AsyncDisposable {
  readonly profile: Profile
  readonly env: Readonly<Record<string, string>>
  /** Holds every request of the day against these rights, and no others. */
  allow?(permissions: readonly Permission[]): void
  /** Does what an app of this home does beside opening it, such as answering the embedded store's signed URLs. */
  mount?(running: Running): Promise<void>
  /** Every stored event of a type, once the telemetry port is flushed. */
  events(running: Running, type: string): Promise<readonly StoredEvent[]>
}

/** How each home is set up. Another one is one more line. */
export const homes: Readonly<Record<string, { readonly missing: () => Promise<string | undefined>; readonly open: () => Promise<Home> }>> =
  {
    local: { missing: async () => undefined, open: openLocal },
    onprem: { missing: missingOf('minio', 'kafka', 'mosquitto', 'postgres'), open: () => openOnprem() },
    'onprem with share groups': {
      missing: missingOf('minio', 'kafka', 'mosquitto', 'postgres'),
      open: () => openOnprem({ PDVEND_JOBS_ENGINE: 'auto' }),
    },
    aws: { missing: whyNoAwsHome, open: openAws },
  }

function missingOf(...engines: readonly Parameters<typeof whyMissing>[0][]): () => Promise<string | undefined> {
  return async () => {
    for (const engine of engines) {
      const reason = await whyMissing(engine)
      if (reason !== undefined) return reason
    }
    return undefined
  }
}

async function openLocal(): Promise<Home> {
  const directory = mkdtempSync(join(tmpdir(), 'pdvend-parity-'))
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const env = { PDVEND_LOCAL_DIR: directory, PDVEND_BLOB_URL: `http://127.0.0.1:${port}/blobs` }
  return {
    profile: local,
    env,
    async mount(running) {
      const handler = await createBlobHandler(running.container.get(BlobStorage), { env })
      server.on('request', (request, response) => void handler(request, response))
    },
    events: (running, type) => running.container.get(Telemetry).query({ type, limit: 10_000 }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function openOnprem(more: Readonly<Record<string, string>> = {}): Promise<Home> {
  const { onprem } = await import('@pdvend/onprem')
  const { readEvents } = await import('./kafka-events.js')
  const directory = mkdtempSync(join(tmpdir(), 'pdvend-parity-'))
  const engines = await Promise.all((['minio', 'kafka', 'mosquitto', 'postgres'] as const).map((name) => startEngine(name)))
  const [, kafka] = engines
  const env = Object.assign(
    { PDVEND_SPOOL_DIR: join(directory, 'spool'), PDVEND_BLOB_BUCKET: 'pdv-parity' },
    ...engines.map((engine) => engine.env),
    more,
  ) as Record<string, string>
  return {
    profile: onprem,
    env,
    events: (_running, type) => readEvents(kafka!.url, type),
    async [Symbol.asyncDispose]() {
      await Promise.all(engines.map((engine) => engine.stop()))
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** The stream's bucket is read as whoever loads it into a warehouse does: each event once by its id. */
async function openAws(): Promise<Home> {
  const { aws } = await import('@pdvend/aws')
  const { handler } = await import('@pdvend/aws-iot/authorizer')
  const directory = mkdtempSync(join(tmpdir(), 'pdvend-parity-'))
  const secret = 'the secret of the day, of more than 32 bytes'
  const home = await startAwsHome({
    name: 'pdv-parity',
    authorizer: (event) => handler(event, { invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:pdvend' }),
  })
  // The function's own environment, as an operator sets it.
  Object.assign(process.env, {
    PDVEND_PUSH_JWT_SECRET: secret,
    PDVEND_PUSH_ENDPOINT: home.bridge.url,
    AWS_REGION: home.bridge.region,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  })
  return {
    profile: aws,
    env: { ...home.env, PDVEND_SPOOL_DIR: join(directory, 'spool'), PDVEND_PUSH_JWT_SECRET: secret },
    allow: (permissions) => home.allow(permissions),
    async events(_running, type) {
      const envelopes = (await home.delivered()).map(decodeEnvelope).filter((envelope) => envelope.type === type)
      const events = envelopes.map(({ id, time, data, context }) => [id, { id, type, at: time, data, context: { ...context } }] as const)
      return [...new Map(events).values()]
    },
    async [Symbol.asyncDispose]() {
      await home[Symbol.asyncDispose]()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
