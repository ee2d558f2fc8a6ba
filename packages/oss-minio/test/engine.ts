import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Engine } from '@pdvend/contract'
import { type EngineName, type RunningEngine, startEngine } from '@pdvend/engines'
import { type AdapterDeps, type BlobDriver, readSettings, silentLogger, systemClock } from '@pdvend/ports'
import type { Settings } from '../src/config.js'
import { ossMinio } from '../src/index.js'
import { Names } from '../src/names.js'

export const BUCKET = 'pdvend-test'

/** A store of ours with a bucket, as `pdvend provision` makes it. */
export async function storeEngine(name: 'minio' | 'versitygw'): Promise<Engine & RunningEngine> {
  const running = await startBucket(name)
  const { folder } = running
  return Object.assign(running, {
    module: new URL('../dist/index.js', import.meta.url).href,
    leftovers: () => uploadsOf(running.env),
    // Only a store that keeps a checksum of each block can tell a flipped byte from within a range [B99].
    ...(name === 'minio' && folder !== ''
      ? { damage: (key: string, offset: number) => flip(running.env, join(folder, 'data', BUCKET), key, offset) }
      : {}),
  })
}

/** A running engine whose settings name a bucket that is there. */
export async function startBucket(name: EngineName, env: Readonly<Record<string, string>> = {}): Promise<RunningEngine> {
  const running = await startEngine(name)
  const settings = { ...running.env, PDVEND_BLOB_BUCKET: BUCKET, ...env }
  await provision(settings)
  return Object.defineProperty(running, 'env', { value: settings })
}

function deps(ms = 30_000): AdapterDeps {
  return { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(ms) }
}

async function settingsOf(env: Readonly<Record<string, string>>): Promise<Settings> {
  const read = await readSettings(ossMinio.config, env)
  if (read.problems !== undefined) throw new Error(JSON.stringify(read.problems))
  return read.settings
}

export async function open(env: Readonly<Record<string, string>>, ms?: number): Promise<BlobDriver> {
  return ossMinio.open(await settingsOf(env), deps(ms))
}

export async function provision(env: Readonly<Record<string, string>>): Promise<readonly { readonly change: string }[]> {
  const plan = await ossMinio.provision!(await settingsOf(env), { jobs: [] }, deps())
  try {
    await plan.apply()
    return plan.steps
  } finally {
    await plan.close()
  }
}

/** Unfinished uploads. */
export async function uploadsOf(env: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const { connect } = await import('../src/driver.js')
  const { elements, textOf } = await import('../src/client/xml.js')
  const client = await connect(await settingsOf(env))
  try {
    const { xml } = await client.document({ method: 'GET', query: { uploads: '' }, signal: AbortSignal.timeout(10_000) })
    return [...elements(xml, 'Upload')].map((upload) => `upload ${textOf(upload, 'UploadId')} of ${textOf(upload, 'Key')}`)
  } finally {
    client.close()
  }
}

/** A block of a stored body, each with 32 bytes of checksum before it. */
const BLOCK_BYTES = 1_048_576

/** Flips a bit of a stored body beneath the store: small bodies end the file of their metadata, others have files of their own. */
async function flip(env: Readonly<Record<string, string>>, folder: string, key: string, offset: number): Promise<void> {
  const driver = await open(env)
  const { sizeBytes } = await driver.head(key, deps())
  await driver.close()
  const blob = join(folder, new Names(driver.facts!.names as 'plain').encode(key).name)
  for (const path of filesBelow(blob)) {
    const file = readFileSync(path)
    const inline = path === join(blob, 'xl.meta') && file.byteLength > sizeBytes && file.byteLength - sizeBytes > 256
    if (!inline && !path.includes('/part.')) continue
    const at = inline ? file.byteLength - sizeBytes + offset : offset + 32 * (Math.floor(offset / BLOCK_BYTES) + 1)
    file[at]! ^= 1
    return writeFileSync(path, file)
  }
  throw new Error(`no body to damage below ${blob}`)
}

/** Bodies before metadata. */
function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((one, other) => Number(other.isDirectory()) - Number(one.isDirectory()))
  return entries.flatMap((entry) => (entry.isDirectory() ? filesBelow(join(folder, entry.name)) : [join(folder, entry.name)]))
}
