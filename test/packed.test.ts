import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { readWorkspaces, root, type Workspace } from './architecture/import-graph.js'
import { cleanEnvironment, installedFile, installIn, packAll, type Tarball } from './packed/tarballs.js'

// Each starts a process or two; on a busy machine that takes a while.
jest.setTimeout(120_000)

const packages = readWorkspaces().filter(({ path, manifest }) => path.startsWith('packages/') && manifest.private !== true)
const byName = packages.map((workspace) => [workspace.manifest.name, workspace] as const)

describe('the packages as they would be published', () => {
  let folder: string
  let project: string
  let tarballs: readonly Tarball[]
  const tarballOf = (name: string): Tarball => tarballs.find((tarball) => tarball.name === name)!

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'pdvend-packed-'))
    project = join(folder, 'consumer')
    tarballs = packAll(packages, join(folder, 'tarballs'))
    installIn(project, tarballs)
    for (const file of ['consumer.mjs', 'consumer.cjs', 'consumer.mts', 'consumer.cts']) {
      copyFileSync(fileURLToPath(new URL(`packed/${file}`, import.meta.url)), join(project, file))
    }
    writeFileSync(join(project, 'readme.mts'), readFileSync(join(root, 'README.md'), 'utf8').match(/```ts\n([\s\S]*?)```/)![1]!)
  }, 300_000)

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** Runs Node in the stranger's project; what it says on stderr counts, since a warning is a defect there. */
  function node(...args: readonly string[]): { stdout: string; stderr: string; status: number | null } {
    const data = mkdtempSync(join(folder, 'data-'))
    const env = {
      ...cleanEnvironment(),
      PDVEND_PROFILE: 'local',
      PDVEND_LOCAL_DIR: data,
      PDVEND_PUSH_TCP_PORT: '0',
      PDVEND_PUSH_WS_PORT: '0',
    }
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { cwd: project, encoding: 'utf8', env, timeout: 100_000 })
    return { stdout, stderr, status }
  }

  test('every package is packed', () => {
    expect(tarballs.map(({ name }) => name).sort()).toEqual(byName.map(([name]) => name).sort())
  })

  describe.each(byName)('%s', (name, workspace) => {
    test('the tarball holds what it should and nothing else', () => {
      const { files } = tarballOf(name)
      expect(files).toEqual(expect.arrayContaining(['package.json', 'README.md', 'LICENSE']))
      expect(
        files.filter((path) => !/^(package\.json|README\.md|LICENSE|CHANGELOG\.md|dist\/.+\.(js|d\.ts|map)|src\/.+)$/.test(path)),
      ).toEqual([])
      expect(files.filter((path) => /\.test\.|\.tsbuildinfo/.test(path))).toEqual([])
    })

    test('its metadata says what npm and its users need', () => {
      const { manifest } = workspace
      expect(manifest).toMatchObject({
        type: 'module',
        license: 'MIT',
        engines: { node: '>=20.19.0' },
        publishConfig: { access: 'public', provenance: true },
        repository: { type: 'git', directory: workspace.path },
        keywords: expect.arrayContaining(['pdvend']),
        description: expect.stringMatching(/.{20,}/),
      })
      expect(manifest).toHaveProperty('sideEffects')
      expect(manifest.exports).toHaveProperty(['./package.json'])
    })

    test('every entry has types, and its source map leads to a source that is in the tarball', () => {
      const { files } = tarballOf(name)
      for (const { types, default: entry } of entries(workspace)) {
        expect(files).toEqual(expect.arrayContaining([types.slice(2), entry.slice(2)]))
        const map = JSON.parse(installedFile(project, name, `${entry}.map`)) as { sources: string[] }
        for (const source of map.sources) expect(existsSync(join(project, 'node_modules', name, dirname(entry), source))).toBe(true)
      }
    })

    test('publint finds nothing in what was installed', async () => {
      const { messages, pkg } = await publint({ pkgDir: join(project, 'node_modules', name), strict: true, pack: false })
      expect(messages.map((message) => formatMessage(message, pkg))).toEqual([])
    })

    test('each entry loads by import and by require, to the same thing, without a warning', () => {
      const specifiers = Object.keys(workspace.manifest.exports ?? {}).map((entry) => name + entry.slice(1))
      const script = `
        const specifiers = ${JSON.stringify(specifiers)}
        Promise.all(specifiers.filter((s) => !s.endsWith('.json')).map(async (s) => {
          const [imported, required] = [await import(s), require(s)]
          const same = Object.keys(imported).filter((key) => key !== 'default').every((key) => imported[key] === required[key])
          if (!same) throw new Error(s + ' differs')
        })).then(() => console.log(require(specifiers.at(-1)).version))`
      writeFileSync(join(project, 'entries.cjs'), script)
      expect(node('entries.cjs')).toEqual({ stdout: `${workspace.manifest.version}\n`, stderr: '', status: 0 })
    })
  })

  test.each(['consumer.mjs', 'consumer.cjs'])('%s stores and reads a blob on the local profile', (file) => {
    expect(node(file)).toEqual({ stdout: `${JSON.stringify({ text: 'olá', missing: true })}\n`, stderr: '', status: 0 })
  })

  test('TypeScript compiles an app and the example of the README with every check on, and both run', () => {
    const tsc = join(root, 'node_modules/@typescript/native/bin/tsc')
    const options = ['--module', 'nodenext', '--target', 'es2023', '--lib', 'es2023,esnext.disposable', '--types', 'node']
    const strict = ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--skipLibCheck', 'false']
    const compiled = node(tsc, ...options, ...strict, '--outDir', 'out', 'consumer.mts', 'consumer.cts', 'readme.mts')
    expect(compiled).toEqual({ stdout: '', stderr: '', status: 0 })
    const result = { text: 'olá', id: 17, missing: true, ports: [true, true], wrong: true, provision: [true, true] }
    expect(node('out/consumer.mjs')).toEqual({ stdout: `${JSON.stringify(result)}\n`, stderr: '', status: 0 })
    for (const silent of ['out/consumer.cjs', 'out/readme.mjs']) expect(node(silent)).toEqual({ stdout: '', stderr: '', status: 0 })
  })

  test('pdvend runs from the command line', () => {
    const { stdout, status } = node(join('node_modules', '@pdvend', 'cli', 'dist', 'bin.js'), '--help')
    expect({ status, help: stdout }).toEqual({ status: 0, help: expect.stringContaining('pdvend') })
  })
})

/** What `exports` leads to, the package.json left out. */
function entries({ manifest }: Workspace): readonly { readonly types: string; readonly default: string }[] {
  return Object.values(manifest.exports ?? {}).filter((entry) => typeof entry !== 'string')
}
