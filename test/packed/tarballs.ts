import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readJson, root, type Workspace } from '../architecture/import-graph.js'

/** A package as `npm pack` made it. */
export interface Tarball {
  readonly name: string
  /** Absolute. */
  readonly file: string
  /** What is inside, without the leading `package/`. */
  readonly files: readonly string[]
  readonly bytes: number
}

interface PackReport {
  readonly name: string
  readonly filename: string
  readonly size: number
  readonly files: readonly { readonly path: string }[]
}

/** Packs each workspace into `folder`, as a release would. */
export function packAll(workspaces: readonly Workspace[], folder: string): readonly Tarball[] {
  mkdirSync(folder, { recursive: true })
  const chosen = workspaces.flatMap(({ path }) => ['--workspace', path])
  const output = npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder, ...chosen], root)
  return packReports(JSON.parse(output)).map(({ name, filename, size, files }) => ({
    name,
    file: join(folder, filename.replace(/^@/, '').replace('/', '-')),
    files: files.map(({ path }) => path),
    bytes: size,
  }))
}

/** A list until npm 11, an object by package name from npm 12 on. */
function packReports(report: readonly PackReport[] | Readonly<Record<string, PackReport>>): readonly PackReport[] {
  return Array.isArray(report) ? report : Object.values(report)
}

/** An empty project beside nothing of ours, with the tarballs as its only dependencies. */
export function installIn(folder: string, tarballs: readonly Tarball[]): void {
  mkdirSync(folder, { recursive: true })
  const types = readJson<{ devDependencies: Record<string, string> }>('package.json').devDependencies['@types/node']
  const dependencies = Object.fromEntries(tarballs.map(({ name, file }) => [name, `file:${file}`]))
  const manifest = { name: 'consumer', private: true, dependencies: { ...dependencies, '@types/node': types } }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest, null, 2))
  npm(['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'], folder)
}

function npm(args: readonly string[], cwd: string): string {
  const windows = process.platform === 'win32'
  return execFileSync(windows ? 'npm.cmd' : 'npm', args, {
    cwd,
    encoding: 'utf8',
    shell: windows,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: cleanEnvironment(),
  })
}

/** Without what an outer `npm test` left behind: its settings would reach into the project under test. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(?!config_(registry|cache|userconfig))|^(NODE_OPTIONS|PDVEND_.*)$/i.test(name)),
  )
}

/** The text of a file in an installed package. */
export function installedFile(folder: string, name: string, path: string): string {
  return readFileSync(join(folder, 'node_modules', name, path), 'utf8')
}
