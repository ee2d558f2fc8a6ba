import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access, link, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Report } from '../launcher.js'
import { stillRuns, thisProcess } from '../process/process-table.js'

/** What stands in a cached folder beside the engine. */
export interface Stamp {
  readonly name: string
  readonly version: string
  /** E.g. `go install`, `maven`. */
  readonly how: string
  readonly seconds: number
  readonly bytes: number
  /** SHA-256 by path. */
  readonly files: Readonly<Record<string, string>>
}

const stampFile = 'provisioned.json'

/** Folder of everything that was built or fetched: `PDVEND_ENGINES_DIR`, default `~/.cache/pdvend/engines`. */
export function cacheRoot(): string {
  return resolve(process.env['PDVEND_ENGINES_DIR'] ?? join(homedir(), '.cache/pdvend/engines'))
}

/** Where this version lives once it is there; keyed by platform too, so that a shared home folder works. */
export function cacheFolder(name: string, version: string): string {
  return join(cacheRoot(), name, `${version}-${process.platform}-${process.arch}`)
}

/** The folder, when this version was provisioned and is whole. */
export async function findCached(name: string, version: string): Promise<string | undefined> {
  const folder = cacheFolder(name, version)
  const stamp = await readStamp(folder)
  if (stamp === undefined) return undefined
  const present = await Promise.all(
    Object.keys(stamp.files).map((file) =>
      access(join(folder, file)).then(
        () => true,
        () => false,
      ),
    ),
  )
  return present.every(Boolean) ? folder : undefined
}

/** The stamp of a cached folder. */
export async function readStamp(folder: string): Promise<Stamp | undefined> {
  return readFile(join(folder, stampFile), 'utf8').then(
    (text) => JSON.parse(text) as Stamp,
    () => undefined,
  )
}

/** Everything in the cache. */
export async function listCache(): Promise<readonly Stamp[]> {
  const names = await readdir(cacheRoot(), { withFileTypes: true }).catch(() => [])
  const folders = await Promise.all(
    names
      .filter((entry) => entry.isDirectory())
      .map(async ({ name }) => (await readdir(join(cacheRoot(), name))).map((version) => join(cacheRoot(), name, version))),
  )
  const stamps = await Promise.all(folders.flat().map(readStamp))
  return stamps.filter((stamp) => stamp !== undefined)
}

/**
 * The folder of this version, filled by `build` when it is not there yet; what failed half-way is never seen. `build` returns the files
 * whose checksums go into the stamp.
 * @param entry `compiles`: takes every core for minutes, so that one such build runs at a time on the whole machine.
 *   `expected`: SHA-256 by path, where they are known beforehand; a difference is an error.
 */
export async function cached(
  entry: {
    readonly name: string
    readonly version: string
    readonly how: string
    readonly compiles?: boolean
    readonly expected?: Readonly<Record<string, string>>
  },
  report: Report,
  build: (folder: string) => Promise<readonly string[]>,
): Promise<string> {
  const found = await findCached(entry.name, entry.version)
  if (found !== undefined) return found
  await using _lock = await buildLock(entry.compiles === true ? 'compile' : `${entry.name}-${entry.version}`, report)
  const meanwhile = await findCached(entry.name, entry.version)
  if (meanwhile !== undefined) return meanwhile
  const folder = cacheFolder(entry.name, entry.version)
  const draft = `${folder}.draft`
  await rm(draft, { recursive: true, force: true })
  await mkdir(draft, { recursive: true })
  const startedAt = Date.now()
  report(`${entry.name} ${entry.version}: ${entry.how}`)
  const keep = await build(draft)
  const files: Record<string, string> = {}
  for (const file of keep) {
    files[file] = await sha256(join(draft, file))
    const expected = entry.expected?.[file]
    if (expected !== undefined && expected !== files[file])
      throw new Error(`${entry.name} ${entry.version}: ${file} has SHA-256 ${files[file]}, expected ${expected}`)
  }
  const seconds = Math.round((Date.now() - startedAt) / 100) / 10
  const stamp: Stamp = { name: entry.name, version: entry.version, how: entry.how, seconds, bytes: await sizeOf(draft), files }
  await writeFile(join(draft, stampFile), JSON.stringify(stamp, undefined, 2))
  await rm(folder, { recursive: true, force: true })
  await rename(draft, folder)
  report(`${entry.name} ${entry.version}: ready after ${seconds} s, ${Math.round(stamp.bytes / 1_000_000)} MB`)
  return folder
}

/** Held by one process at a time; a holder that died loses it. */
async function buildLock(name: string, report: Report): Promise<AsyncDisposable> {
  await mkdir(cacheRoot(), { recursive: true })
  const path = join(cacheRoot(), `${name}.lock`)
  for (let waits = 0; ; waits++) {
    const taken = await writeFile(path, thisProcess(), { flag: 'wx' }).then(
      () => true,
      () => false,
    )
    if (taken) return { [Symbol.asyncDispose]: () => rm(path, { force: true }) }
    const holder = await readFile(path, 'utf8').catch(() => '')
    if (holder !== '' && !stillRuns(holder)) await breakLock(path, holder)
    else if (waits % 40 === 0) report(`waiting for process ${holder.split(' ')[0]}, which is building an engine`)
    await sleep(250)
  }
}

/** Takes a dead holder's lock away; one that another builder took meanwhile is put back. */
async function breakLock(path: string, holder: string): Promise<void> {
  const aside = `${path}.${process.pid}`
  const moved = await rename(path, aside).then(
    () => true,
    () => false,
  )
  if (!moved) return
  if ((await readFile(aside, 'utf8')) !== holder) await link(aside, path).catch(() => {})
  await rm(aside, { force: true })
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size
  }
  return bytes
}
