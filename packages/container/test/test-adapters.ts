import {
  type AdapterDeps,
  type AnyAdapter,
  defineAdapter,
  type Driver,
  env,
  type PortName,
  type Profile,
  secret,
  type SettingsShape,
} from '@pdvend/ports'
import { z } from 'zod'

/** What the test adapters of one profile did, in order: `open telemetry`, `close push`. */
export type Journal = string[]

/** What a test makes an adapter do instead of working. */
export interface Behaviour {
  readonly open?: (settings: unknown, deps: AdapterDeps) => Promise<void>
  readonly ping?: () => Promise<void>
  readonly close?: () => Promise<void>
  /** What the driver measured. */
  readonly measured?: Readonly<Record<string, boolean>>
}

type Behaviours = { readonly [Port in PortName]?: Behaviour }

const blobConfig = {
  bucket: env('BLOB_BUCKET', z.string().min(3).default('notas'), { doc: 'Bucket that holds the files', example: 'pdv-notas' }),
  requestMs: env('BLOB_REQUEST_MS', z.coerce.number().int().min(1).default(10_000), {
    doc: 'Time of a request in milliseconds',
    example: '5000',
  }),
  secretKey: secret('BLOB_SECRET_KEY', { doc: 'Secret key of the store' }),
}

const jobsConfig = {
  brokers: env('JOBS_BROKERS', z.string().min(1).default('127.0.0.1:9092'), { doc: 'Brokers, comma-separated', example: 'kafka:9092' }),
  tls: env('JOBS_TLS', z.stringbool().default(false), { doc: 'Encrypt the connection: yes or no', example: 'yes' }),
  mode: env('JOBS_MODE', z.enum(['share', 'group']).default('group'), { doc: 'How consumers share', example: 'share' }),
}

/** Each port's driver needs more methods than the container ever calls; these tests never call them. */
const limits = {
  blob: { maxBytes: 1e9, maxMetadataBytes: 2_048, maxPageSize: 1_000, maxDeleteBatch: 1_000, maxSignedMs: 1e9 },
  jobs: { maxPayloadBytes: 1e6, maxBatch: 100, maxLeaseMs: 1e9 },
  push: { maxPayloadBytes: 131_072 },
  telemetry: { maxBatchEvents: 100, maxBatchBytes: 1e6, maxEventBytes: 1e5 },
}

function testDriver(port: PortName, journal: Journal, behaviour: Behaviour = {}): never {
  const driver: Driver & { limits: object; capabilities?: object } = {
    limits: limits[port],
    ...(behaviour.measured === undefined ? {} : { capabilities: behaviour.measured }),
    ping: async () => behaviour.ping?.(),
    close: async () => {
      journal.push(`close ${port}`)
      await behaviour.close?.()
    },
  }
  return { ...driver, receive: async () => {}, watchPresence: () => () => {} } as never
}

/** Opens the driver of one port and writes it down. */
function opener(port: PortName, journal: Journal, behaviour: Behaviour = {}) {
  return async (settings: unknown, deps: AdapterDeps): Promise<never> => {
    journal.push(`open ${port}`)
    await behaviour.open?.(settings, deps)
    return testDriver(port, journal, behaviour)
  }
}

/** A profile whose jobs have no `priority` and whose blobs have no `signedPost`. */
export function testProfile(journal: Journal = [], behaviours: Behaviours = {}, prefix = 'test') {
  return {
    telemetry: defineAdapter({
      port: 'telemetry',
      name: `${prefix}-telemetry`,
      config: {},
      capabilities: { orderedByKey: true, exactlyOnce: true, query: false },
      open: opener('telemetry', journal, behaviours.telemetry),
    }),
    blob: defineAdapter({
      port: 'blob',
      name: `${prefix}-blob`,
      config: blobConfig,
      capabilities: { conditionalWrites: true, conditionalDelete: true, conditionalCopy: true, signedUrls: true, signedPost: false },
      open: opener('blob', journal, behaviours.blob),
    }),
    jobs: defineAdapter({
      port: 'jobs',
      name: `${prefix}-jobs`,
      config: jobsConfig,
      capabilities: { delay: true, fifo: true, dedupe: true, priority: false, lookup: true },
      open: opener('jobs', journal, behaviours.jobs),
    }),
    push: defineAdapter({
      port: 'push',
      name: `${prefix}-push`,
      config: {},
      capabilities: { journal: true, presence: true, request: true, receipts: true, credentials: true },
      open: opener('push', journal, behaviours.push),
    }),
  } as const satisfies Profile
}

/** A jobs adapter that has everything, as an outsider's package would bring it. */
export function outsider(name: string, config: SettingsShape = {}, journal: Journal = []): AnyAdapter<'jobs'> {
  return defineAdapter({
    port: 'jobs',
    name,
    config,
    capabilities: { delay: true, fifo: true, dedupe: true, priority: true, lookup: true },
    open: opener('jobs', journal),
  })
}
