/** What one package may import: a new package is added here, with a reason to exist in this place. */
export interface PackageRule {
  /** Packages of this repository. */
  readonly imports: readonly string[]
  /** Packages of others, each with the files that may import it. */
  readonly vendors: Readonly<Record<string, RegExp>>
}

const ANYWHERE = /./
const ADAPTER_FILES = /\/(driver|client|codec)\.ts$/

/** Dependencies point inward: app, container, ports; adapters to ports; presets to adapters. */
const RULES: Readonly<Record<string, PackageRule>> = {
  '@pdvend/ports': { imports: [], vendors: { '@opentelemetry/api': ANYWHERE } },
  '@pdvend/spool': { imports: ['@pdvend/ports'], vendors: {} },
  '@pdvend/container': {
    imports: ['@pdvend/ports', '@pdvend/spool'],
    vendors: { inversify: ANYWHERE, 'reflect-metadata': ANYWHERE, zod: ANYWHERE },
  },
  '@pdvend/contract': { imports: ['@pdvend/ports', '@pdvend/device', '@pdvend/spool'], vendors: { zod: ANYWHERE } },
  '@pdvend/local': {
    imports: ['@pdvend/ports'],
    vendors: {
      zod: ANYWHERE,
      '@fastify/busboy': /^packages\/local\/src\/blob-handler\//,
      libsql: /^packages\/local\/src\/sqlite\//,
      aedes: /^packages\/local\/src\/push\/(?!index\.ts)/,
      mqtt: /^packages\/local\/src\/push\/(?!index\.ts)/,
      ws: /^packages\/local\/src\/(push\/(?!index\.ts)|push-upgrade\/)/,
    },
  },
  // PostgreSQL's client, behind the pool alone.
  '@pdvend/push-journal': { imports: ['@pdvend/ports'], vendors: { pg: /^packages\/push-journal\/src\/client\.ts$/ } },
  '@pdvend/device': { imports: ['@pdvend/ports'], vendors: { mqtt: ANYWHERE } },
  '@pdvend/cli': {
    imports: ['@pdvend/ports', '@pdvend/container', '@pdvend/contract', '@pdvend/aws', '@pdvend/local', '@pdvend/onprem'],
    vendors: { commander: ANYWHERE },
  },
  // Stands alone: it is of use to whoever has a Kafka, with or without this SDK.
  '@pdvend/kafka-share-consumer': { imports: [], vendors: { '@platformatic/kafka': ANYWHERE } },
  // What the adapters of AWS share; each brings its own client, and who provisions a bucket that of S3.
  '@pdvend/client-aws': {
    imports: ['@pdvend/ports'],
    vendors: { '@aws-sdk/client-s3': /^packages\/client-aws\/src\/bucket\.ts$/ },
  },
  // What the push adapters over MQTT share; its settings, which their manifests import, load no vendor.
  '@pdvend/push-mqtt': {
    imports: ['@pdvend/ports', '@pdvend/push-journal'],
    vendors: { zod: /^packages\/push-mqtt\/src\/settings\.ts$/, mqtt: /^packages\/push-mqtt\/src\/client\.ts$/ },
  },
  '@pdvend/oss-emq': { imports: ['@pdvend/ports', '@pdvend/push-mqtt'], vendors: { zod: ANYWHERE } },
  // Two ports over one connection; each client has a file of its own behind the seam, so that it alone is loaded when it is chosen.
  '@pdvend/oss-kafka': {
    imports: ['@pdvend/ports', '@pdvend/kafka-share-consumer'],
    vendors: {
      zod: ANYWHERE,
      kafkajs: /^packages\/oss-kafka\/src\/client\/kafkajs/,
      '@platformatic/kafka': /^packages\/oss-kafka\/src\/(client\/platformatic|jobs\/share)/,
    },
  },
  '@pdvend/aws-firehose': {
    imports: ['@pdvend/ports', '@pdvend/client-aws'],
    vendors: { zod: ANYWHERE, '@aws-sdk/client-firehose': ADAPTER_FILES },
  },
  // One file a subject of the protocol, and each of them builds requests of the SDK.
  '@pdvend/aws-s3': {
    imports: ['@pdvend/ports', '@pdvend/client-aws'],
    vendors: {
      zod: ANYWHERE,
      '@aws-sdk/client-s3': /^packages\/aws-s3\/src\/(client|codec|copies|driver|multipart|probe|provision|signer|uploads)\.ts$/,
      '@aws-sdk/s3-request-presigner': /^packages\/aws-s3\/src\/signer\.ts$/,
    },
  },
  // The authorizer is a Lambda function of its own, with nothing but the client that is there anyway.
  '@pdvend/aws-iot': {
    imports: ['@pdvend/ports', '@pdvend/client-aws', '@pdvend/push-mqtt'],
    vendors: {
      zod: ANYWHERE,
      '@aws-sdk/client-iot-data-plane': /^packages\/aws-iot\/src\/(data-plane|authorizer\/index)\.ts$/,
    },
  },
  // Requests are built where their subject is; the bucket has one file that does it.
  '@pdvend/aws-sqs': {
    imports: ['@pdvend/ports', '@pdvend/client-aws'],
    vendors: {
      zod: ANYWHERE,
      '@aws-sdk/client-s3': /^packages\/aws-sqs\/src\/(bucket\/store|provision\/bucket)\.ts$/,
      '@aws-sdk/client-sqs': /^packages\/aws-sqs\/src\/(sqs\/\w+|provision\/queues)\.ts$/,
    },
  },
  '@pdvend/onprem': { imports: ['@pdvend/ports', '@pdvend/oss-emq', '@pdvend/oss-kafka', '@pdvend/oss-minio'], vendors: {} },
  '@pdvend/aws': {
    imports: ['@pdvend/ports', '@pdvend/aws-firehose', '@pdvend/aws-iot', '@pdvend/aws-s3', '@pdvend/aws-sqs'],
    vendors: {},
  },
}

/** What holds for an adapter package that has no line of its own: the ports, a schema library, and its vendor in three files. */
const ADAPTER: PackageRule = { imports: ['@pdvend/ports'], vendors: { zod: ANYWHERE } }

export function ruleOf(packageName: string): PackageRule | undefined {
  return RULES[packageName] ?? (isAdapter(packageName) ? ADAPTER : undefined)
}

/** May `file` of an adapter or another package import `vendor`? */
export function vendorAllowed(packageName: string, vendor: string, file: string): boolean {
  const files = ruleOf(packageName)?.vendors[vendor]
  if (files) return files.test(file)
  return RULES[packageName] === undefined && isAdapter(packageName) && vendor !== 'inversify' && ADAPTER_FILES.test(file)
}

/** Adapter packages by name: `local`, and what starts with the home that it belongs to. */
export function isAdapter(packageName: string): boolean {
  return packageName === '@pdvend/local' || /^@pdvend\/(aws|oss)-/.test(packageName)
}

/** Presets: nothing but a list of adapters, one a port. */
export const PRESETS = ['@pdvend/aws', '@pdvend/onprem']

/** Entries of an adapter package that are no manifest: what an app mounts or opens by itself, with what it needs. */
export const MOUNTED_ENTRIES = ['blob-handler', 'faults', 'push-journal', 'push-upgrade'].map(
  (entry) => `packages/local/dist/${entry}/index.js`,
)

/** Entries that a browser loads. */
export const BROWSER_ENTRIES = ['packages/ports/src/define.ts', 'packages/ports/src/push/wire.ts', 'packages/device/src/index.ts']

/** Names that say where a file was thrown, not what it is about. */
export const BANNED_FOLDERS = new Set([
  'util',
  'utils',
  'helper',
  'helpers',
  'common',
  'manager',
  'managers',
  'actions',
  'models',
  'controllers',
])

export const MAX_LINES = 600
