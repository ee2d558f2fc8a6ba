import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineMissing, type Report } from '../launcher.js'
import { cached } from './cache.js'
import { needTool, run } from './command.js'

/** Programs of a Debian package. */
export interface DebianPackage {
  readonly name: string
  /** The oldest series that will do, e.g. `2.0`. */
  readonly version: string
  readonly packages: readonly string[]
  /** A file that proves it is there, as a pattern on the path inside the folder. */
  readonly proof: RegExp
  /** What a person would do by hand, for the reason. */
  readonly otherwise: string
}

/**
 * Unpacks the package and what it lacks here into the cache, by apt's own download, which verifies the archive's signatures and
 * checksums. Nothing is installed on the machine: no service starts, no user is made, no root is needed once apt has its lists.
 * @returns The folder, a file system of its own (`usr/sbin`, `usr/lib`, …).
 */
export async function aptUnpack(wanted: DebianPackage, report: Report): Promise<string> {
  const apt = await needTool('apt-get', wanted.otherwise)
  const dpkg = await needTool('dpkg-deb', wanted.otherwise)
  const resolve = (): Promise<string> =>
    run(apt, ['install', '--print-uris', '--yes', '--quiet=2', '--no-install-recommends', '--reinstall', ...wanted.packages])
  return cached({ name: wanted.name, version: wanted.version, how: 'apt-get download' }, report, async (folder) => {
    const listed = await resolve().catch(async () => {
      report(`${wanted.name}: apt-get update`)
      await run(apt, ['update', '--quiet=2'])
      return resolve()
    })
    // Each line: 'address' file size checksum. The file is package_version_arch.deb with the version's colons as %3a.
    const packages = [...listed.matchAll(/^'[^']+' ([^_\s]+)_([^_\s]+)_/gm)].map(
      ([, name, version]) => `${name}=${decodeURIComponent(version!)}`,
    )
    if (packages.length === 0) throw new EngineMissing(`apt knows no ${wanted.packages.join(', ')} here; ${wanted.otherwise}`)
    const debs = join(folder, 'debs')
    await mkdir(debs)
    await run(apt, ['download', '--quiet=2', ...packages], { cwd: debs, report: (line) => report(`${wanted.name}: ${line}`) })
    for (const deb of await readdir(debs)) await run(dpkg, ['-x', join(debs, deb), folder])
    const files = (await readdir(folder, { recursive: true })).filter((path) => wanted.proof.test(path))
    if (files.length === 0) throw new Error(`${wanted.name}: the packages hold no file like ${String(wanted.proof)}`)
    return [...files, ...(await readdir(debs)).map((deb) => `debs/${deb}`)]
  })
}

/** The dynamic linker's path for programs that were unpacked and not installed. */
export async function libraryPath(home: string): Promise<string> {
  const folders = [join(home, 'lib'), join(home, 'usr/lib')]
  const inner = await Promise.all(
    folders.map(async (folder) =>
      (await readdir(folder).catch(() => [])).filter((name) => name.includes('-linux-')).map((name) => join(folder, name)),
    ),
  )
  return [...inner.flat(), ...folders].join(':')
}

/** The version that a program prints, wherever it prints it and whatever it exits with; undefined where it does not run. */
export async function versionOf(program: string, flag: string, env: Readonly<Record<string, string>> = {}): Promise<string | undefined> {
  const text = await run('/bin/sh', ['-c', '"$0" "$1" 2>&1 || true', program, flag], { env }).catch(() => '')
  return /(?:version |v=|\) )(\d+\.\d+(?:\.\d+)?)/.exec(text)?.[1]
}

/** True when `version` is the series or a later one. */
export function isAtLeast(version: string | undefined, series: string): boolean {
  if (version === undefined) return false
  const [actual, wanted] = [version, series].map((each) => each.split('.').map(Number)) as [number[], number[]]
  for (const [index, part] of wanted.entries()) if ((actual[index] ?? 0) !== part) return (actual[index] ?? 0) > part
  return true
}
