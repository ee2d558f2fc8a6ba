import { createRequire } from 'node:module'
import { isAbsolute, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { aws } from '@pdvend/aws'
import { type App, defineApp } from '@pdvend/container'
import { local, noopTelemetry, stdoutTelemetry } from '@pdvend/local'
import { onprem } from '@pdvend/onprem'
import { type AnyAdapter, type Logger, portNames, silentLogger } from '@pdvend/ports'
import { Failure, type Io } from './io.js'

/** An adapter and the module that exports it as `manifest`, for cases that start other processes. */
export interface KnownAdapter {
  readonly adapter: AnyAdapter
  readonly module: string
}

/** `from`: the package through which this one has the entry, where it is not its own dependency. */
const ours: readonly { readonly adapter: AnyAdapter; readonly entry: string; readonly from?: string }[] = [
  { adapter: local.blob, entry: '@pdvend/local/blob' },
  { adapter: local.jobs, entry: '@pdvend/local/jobs' },
  { adapter: local.push, entry: '@pdvend/local/push' },
  { adapter: local.telemetry, entry: '@pdvend/local/telemetry' },
  { adapter: stdoutTelemetry, entry: '@pdvend/local/telemetry/stdout' },
  { adapter: noopTelemetry, entry: '@pdvend/local/telemetry/noop' },
  { adapter: aws.blob, entry: '@pdvend/aws-s3', from: '@pdvend/aws' },
  { adapter: aws.jobs, entry: '@pdvend/aws-sqs', from: '@pdvend/aws' },
  { adapter: aws.push, entry: '@pdvend/aws-iot', from: '@pdvend/aws' },
  { adapter: aws.telemetry, entry: '@pdvend/aws-firehose', from: '@pdvend/aws' },
  { adapter: onprem.blob, entry: '@pdvend/oss-minio', from: '@pdvend/onprem' },
  { adapter: onprem.jobs, entry: '@pdvend/oss-kafka/jobs', from: '@pdvend/onprem' },
  { adapter: onprem.push, entry: '@pdvend/oss-emq', from: '@pdvend/onprem' },
  { adapter: onprem.telemetry, entry: '@pdvend/oss-kafka/telemetry', from: '@pdvend/onprem' },
]

/** The adapters that the command line brings and those of `modules`: files, or packages that the working directory has. */
export async function knownAdapters(io: Io, modules: readonly string[]): Promise<readonly KnownAdapter[]> {
  const own = ours.map(({ adapter, entry, from }) => ({
    adapter,
    module: from === undefined ? import.meta.resolve(entry) : through(from, entry),
  }))
  return [...own, ...(await Promise.all(modules.map((name) => loadModule(io, name))))]
}

/** Where `entry` is for the package `from`. */
function through(from: string, entry: string): string {
  return pathToFileURL(createRequire(import.meta.resolve(from)).resolve(entry)).href
}

/** The app that the commands work on: every profile that this version has, and the adapters of `modules`. */
export async function knownApp(io: Io, modules: readonly string[], log: Logger = silentLogger): Promise<App> {
  const known = await knownAdapters(io, modules)
  return defineApp({ profiles: { local, onprem, aws }, adapters: known.map(({ adapter }) => adapter), signals: [], log })
}

/** The app that a file or package exports as `app`, or as its default. */
export async function loadApp(io: Io, name: string): Promise<App> {
  const { loaded } = await load(io, '--app', name)
  const app = [loaded.app, loaded.default].find(isApp)
  if (app === undefined) throw new Failure(`--app ${name} exports no app: export one as \`app\`, as defineApp returns it`)
  return app
}

async function loadModule(io: Io, name: string): Promise<KnownAdapter> {
  const { module, loaded } = await load(io, '--module', name)
  const adapter = [loaded.manifest, loaded.default].find(isAdapter)
  if (adapter === undefined)
    throw new Failure(`--module ${name} exports no adapter: export one as \`manifest\`, as defineAdapter returns it`)
  return { adapter, module }
}

/** Imports a module that an option names. */
async function load(io: Io, option: string, name: string): Promise<{ module: string; loaded: Readonly<Record<string, unknown>> }> {
  const module = locate(io, option, name)
  const loaded = await import(module).catch((cause: unknown) => {
    throw new Failure(`${option} ${name} did not load: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  })
  return { module, loaded: loaded as Readonly<Record<string, unknown>> }
}

function locate(io: Io, option: string, name: string): string {
  if (name.startsWith('file:')) return name
  if (name.startsWith('.') || isAbsolute(name)) return pathToFileURL(resolve(io.cwd, name)).href
  try {
    return pathToFileURL(createRequire(join(io.cwd, 'package.json')).resolve(name)).href
  } catch (cause) {
    throw new Failure(`${option} ${name} was not found; for a file write ./${name}, for a package install it in ${io.cwd}`, { cause })
  }
}

function isAdapter(value: unknown): value is AnyAdapter {
  const { port, name, config, open } = (typeof value === 'object' && value !== null ? value : {}) as Partial<AnyAdapter>
  return portNames.includes(port!) && typeof name === 'string' && typeof config === 'object' && typeof open === 'function'
}

function isApp(value: unknown): value is App {
  const { start, provision } = (typeof value === 'object' && value !== null ? value : {}) as Partial<App>
  return typeof start === 'function' && typeof provision === 'function'
}
