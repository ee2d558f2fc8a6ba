import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, test } from '@jest/globals'
import ts from 'typescript'
import {
  filesUnder,
  findCycle,
  fromRoot,
  type Import,
  packageName,
  reachable,
  readGraph,
  readImports,
  readJson,
  readWorkspaces,
  root,
  type SourceFile,
  type Workspace,
} from './architecture/import-graph.js'
import {
  BANNED_FOLDERS,
  BROWSER_ENTRIES,
  isAdapter,
  MAX_LINES,
  MOUNTED_ENTRIES,
  PRESETS,
  ruleOf,
  vendorAllowed,
} from './architecture/rules.js'

const workspaces = readWorkspaces()
const packages = workspaces.filter(({ path }) => path.startsWith('packages/'))
const graph = readGraph(workspaces)
const files = [...graph.values()]
const inPackages = files.filter(({ path }) => path.startsWith('packages/'))

/** One line for each import that a rule refuses: the file, and what it imports. */
function offences(among: readonly SourceFile[], refuses: (file: SourceFile, target: string) => boolean): readonly string[] {
  return among.flatMap((file) =>
    file.imports
      .filter(({ specifier, target }) => target.kind !== 'missing' && refuses(file, specifier))
      .map(({ specifier }) => `${file.path} imports ${specifier}`),
  )
}

describe('the import graph', () => {
  test('it is read from the syntax: static, dynamic, required, re-exported and type imports', () => {
    const text = `
      import a from 'a'; import type { B } from 'b'; import { type C } from 'c'; export * from './d.js'; export type * from 'e'
      // import 'comment'
      const text = "import 'string'"; type F = import('f').F; await import('g'); createRequire(import.meta.url)('h'); require('i')`
    expect(readImports('x.ts', text)).toEqual([
      { specifier: 'a', kind: 'static' },
      { specifier: 'b', kind: 'type' },
      { specifier: 'c', kind: 'static' },
      { specifier: './d.js', kind: 'static' },
      { specifier: 'e', kind: 'type' },
      { specifier: 'f', kind: 'type' },
      { specifier: 'g', kind: 'dynamic' },
      { specifier: 'h', kind: 'dynamic' },
      { specifier: 'i', kind: 'dynamic' },
    ])
  })

  test('every import leads somewhere', () => {
    expect(files.length).toBeGreaterThan(30)
    const lost = files.flatMap((file) =>
      file.imports.filter(({ target }) => target.kind === 'missing').map(({ specifier }) => `${file.path}: ${specifier}`),
    )
    expect(lost).toEqual([])
  })

  test('it has no cycle', () => {
    expect(findCycle(graph)).toBeUndefined()
    const planted = new Map(graph)
    const leaf = graph.get('packages/ports/src/errors.ts')!
    planted.set(leaf.path, { ...leaf, imports: [...leaf.imports, importOf('./index.js', 'packages/ports/src/index.ts')] })
    expect(findCycle(planted)).toContain('packages/ports/src/errors.ts')
  })
})

describe('dependencies point inward', () => {
  test('every package has a rule', () => {
    expect(packages.map(({ manifest }) => manifest.name).filter((name) => ruleOf(name) === undefined)).toEqual([])
  })

  test.each(packages.map((workspace) => [workspace.manifest.name, workspace] as const))(
    '%s imports what its place allows',
    (name, workspace) => {
      const own = inPackages.filter((file) => file.workspace === workspace)
      expect(
        offences(own, (file, specifier) => {
          if (specifier.startsWith('.')) return escapes(file, specifier)
          const target = packageName(specifier)
          if (target.startsWith('@pdvend/')) return !(ruleOf(name)?.imports ?? []).includes(target)
          return !specifier.startsWith('node:') && !vendorAllowed(name, target, file.path)
        }),
      ).toEqual([])
    },
  )

  test('the ports load nothing but Node: OpenTelemetry only as a type, or when it is installed', () => {
    const own = inPackages.filter((file) => file.path.startsWith('packages/ports/'))
    const loaded = own.flatMap((file) =>
      file.imports
        .filter(({ kind, target }) => kind === 'static' && target.kind === 'vendor')
        .map(({ specifier }) => `${file.path} imports ${specifier}`),
    )
    expect(loaded).toEqual([])
    expect(packages.find(({ manifest }) => manifest.name === '@pdvend/ports')?.manifest.dependencies).toBeUndefined()
  })

  test('an adapter imports no other adapter, no container and no inversify', () => {
    const adapters = inPackages.filter((file) => isAdapter(file.workspace.manifest.name))
    expect(adapters.length).toBeGreaterThan(0)
    expect(
      offences(
        adapters,
        (_file, specifier) => isAdapter(packageName(specifier)) || /^(@pdvend\/container|inversify|reflect-metadata)/.test(specifier),
      ),
    ).toEqual([])
  })

  test("inversify stays in the container and in an app's composition root; a use case may only be marked injectable", () => {
    const allowed = /^(packages\/container\/src\/|examples\/[^/]+\/src\/(main|composition|([a-z]+-)?container)(\.ts|\/))/
    const marks = /^import \{ inject(able)?(, inject(able)?)? \} from 'inversify'$/m
    expect(
      offences(files, ({ path }, specifier) => {
        if (!/^(inversify|reflect-metadata)(\/|$)/.test(specifier) || allowed.test(path)) return false
        return !(/^examples\/[^/]+\/src\/use-cases\//.test(path) && marks.test(readFileSync(join(root, path), 'utf8')))
      }),
    ).toEqual([])
  })

  test('only where an app is declared and started does it import an adapter or a preset', () => {
    const apps = files.filter((file) => file.path.startsWith('examples/'))
    const knows = /\/src\/(main|app)\.ts$/
    const offers = (name: string): boolean => isAdapter(name) || PRESETS.includes(name)
    expect(offences(apps, (file, specifier) => offers(packageName(specifier)) && !knows.test(file.path))).toEqual([])
  })

  test.each(BROWSER_ENTRIES)('%s runs in a browser: nothing that it loads needs Node', (entry) => {
    expect(graph.has(entry)).toBe(true)
    const needs = [...reachable(graph, entry, ['static', 'dynamic'])].flatMap((path) =>
      (graph.get(path)?.imports ?? [])
        .filter(({ kind, target }) => kind !== 'type' && target.kind === 'builtin')
        .map(({ specifier }) => `${path} imports ${specifier}`),
    )
    expect(needs).toEqual([])
  })
})

describe('manifests load no vendor module', () => {
  const entries = packages
    .filter(({ manifest }) => isAdapter(manifest.name))
    .flatMap((workspace) => entriesOf(workspace).map((file) => [fromRoot(file), file, workspace.manifest.name] as const))
    .filter(([path]) => !MOUNTED_ENTRIES.includes(path))

  test.each(entries)('%s', (_path, file, name) => {
    const vendors = loadedPackages(file).filter((loaded) => loaded !== 'zod' && !loaded.startsWith('@pdvend/'))
    expect(vendors).toEqual([])
    expect(loadedPackages(file).filter((loaded) => loaded.startsWith('@pdvend/') && loaded !== name)).toEqual(
      expect.not.arrayContaining(['@pdvend/container', '@pdvend/contract']),
    )
  })

  test.each(PRESETS)('%s loads the manifests of its adapters and nothing that they need', (name) => {
    const entry = entriesOf(packages.find(({ manifest }) => manifest.name === name)!)[0]!
    const { imports } = ruleOf(name)!
    // Its adapters' settings may stand in a package that several of them share.
    const theirs = new Set([name, 'zod', ...imports, ...imports.flatMap((adapter) => ruleOf(adapter)!.imports)])
    expect(loadedPackages(entry).filter((loaded) => !theirs.has(loaded))).toEqual([])
  })

  test('the container loads no adapter and no vendor of one', () => {
    const container = join(root, 'packages/container/dist/index.js')
    const allowed = new Set(['inversify', 'reflect-metadata', 'zod', '@pdvend/ports', '@pdvend/spool', '@pdvend/container'])
    expect(loadedPackages(container).filter((loaded) => !allowed.has(loaded) && !loaded.startsWith('@inversifyjs/'))).toEqual([])
  })

  test('the check sees what is loaded, CommonJS too', () => {
    expect(loadedPackages(join(root, 'node_modules/typescript/lib/typescript.js'))).toContain('typescript')
  })
})

describe('files', () => {
  const written = ['packages', 'examples', 'test', 'bench', 'scripts'].flatMap(filesUnder)

  test('a folder is named by port or by technology', () => {
    expect(
      written.filter((path) =>
        path
          .split('/')
          .slice(0, -1)
          .some((folder) => BANNED_FOLDERS.has(folder)),
      ),
    ).toEqual([])
  })

  test('a file is named in kebab-case', () => {
    const names = written.filter((path) => /\.(ts|tsx|mjs)$/.test(path))
    expect(names.filter((path) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9-]+)*$/.test(path.split('/').at(-1)!))).toEqual([])
  })

  test(`no source is longer than ${MAX_LINES} lines`, () => {
    const code = written.filter((path) => /\.(ts|tsx|mjs)$/.test(path) && !/^examples\/[^/]+\/data\//.test(path))
    expect(code.filter((path) => readFileSync(join(root, path), 'utf8').split('\n').length - 1 > MAX_LINES)).toEqual([])
  })
})

describe('what is published', () => {
  test.each(packages.map((workspace) => [workspace.manifest.name, workspace] as const))(
    '%s has no any in its types',
    (_name, workspace) => {
      const declarations = emittedTypes(`${workspace.path}/dist`)
      expect(declarations.length).toBeGreaterThan(0)
      expect(declarations.flatMap((file) => anysIn(file))).toEqual([])
    },
  )
})

describe('the lists that must agree', () => {
  test.each(workspaces.filter(({ path }) => hasCompiler(path)).map((workspace) => [workspace.path, workspace] as const))(
    "%s: the compiler's references are the workspaces that it depends on",
    (path, { manifest }) => {
      const references = (readJson<{ references?: { path: string }[] }>(`${path}/tsconfig.json`).references ?? []).map((reference) =>
        fromRoot(join(root, path, reference.path)),
      )
      const wanted = Object.keys(manifest.dependencies ?? {}).flatMap((name) =>
        workspaces.filter((workspace) => workspace.manifest.name === name).map((workspace) => workspace.path),
      )
      expect(references.sort()).toEqual(wanted.sort())
    },
  )

  test('tsconfig.json names every workspace that is compiled', () => {
    const references = readJson<{ references: { path: string }[] }>('tsconfig.json').references.map(({ path }) => path)
    expect(references.sort()).toEqual(
      workspaces
        .map(({ path }) => path)
        .filter(hasCompiler)
        .sort(),
    )
  })

  test('these tests depend on every package, so that they run again when one changes', () => {
    const own = workspaces.find(({ path }) => path === 'test')?.manifest.devDependencies ?? {}
    expect(packages.map(({ manifest }) => manifest.name).filter((name) => !(name in own))).toEqual([])
  })

  test('all packages have one version, one licence and one range of Node', () => {
    for (const field of ['version', 'license']) expect(new Set(packages.map(({ manifest }) => manifest[field])).size).toBe(1)
    expect(new Set(packages.map(({ manifest }) => JSON.stringify(manifest.engines)))).toEqual(
      new Set([JSON.stringify({ node: '>=20.19.0' })]),
    )
  })
})

function importOf(specifier: string, path: string): Import {
  return { specifier, kind: 'static', target: { kind: 'file', path } }
}

/** Does a relative import leave the package's sources? Its own package.json, for the version, is fine. */
function escapes(file: SourceFile, specifier: string): boolean {
  const target = fromRoot(join(root, file.path, '..', specifier))
  return !target.startsWith(`${file.workspace.path}/src/`) && target !== `${file.workspace.path}/package.json`
}

function hasCompiler(path: string): boolean {
  return filesUnder(path).includes(`${path}/tsconfig.json`)
}

/** The absolute files that a package's `exports` lead to. */
function entriesOf({ path, manifest }: Workspace): readonly string[] {
  return Object.values(manifest.exports ?? {}).flatMap((entry) => (typeof entry === 'string' ? [] : [join(root, path, entry.default)]))
}

/** The names of the packages of which any file is loaded when `file` is imported in a fresh process. */
function loadedPackages(file: string): readonly string[] {
  const script = fileURLToPath(new URL('architecture/loaded-modules.mjs', import.meta.url))
  const output = execFileSync(process.execPath, ['--no-warnings', script, pathToFileURL(file).href], { encoding: 'utf8' })
  const urls = JSON.parse(output) as string[]
  return [...new Set(urls.flatMap(packageOf))]
}

function packageOf(url: string): readonly string[] {
  if (!url.startsWith('file:')) return []
  const path = fileURLToPath(url).split('\\').join('/')
  const inside = path.split('/node_modules/').at(-1)!
  if (path.includes('/node_modules/')) return [packageName(inside)]
  const owner = workspaces.find((workspace) => fromRoot(path).startsWith(`${workspace.path}/`))
  return owner ? [owner.manifest.name] : []
}

function emittedTypes(folder: string): readonly string[] {
  return ts.sys.readDirectory(join(root, folder), ['.d.ts'])
}

/** Where a declaration file says `any`, as `file:line`. */
function anysIn(file: string, text: string = readFileSync(file, 'utf8')): readonly string[] {
  const tree = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true)
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    if (node.kind === ts.SyntaxKind.AnyKeyword)
      found.push(`${fromRoot(file)}:${tree.getLineAndCharacterOfPosition(node.getStart()).line + 1}`)
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return found
}
