import { readdirSync, readFileSync, statSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, normalize, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

/** The repository's root, absolute. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/[/\\]$/, '')

/** What a workspace's package.json says, as far as these tests read it. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly exports?: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>
  readonly bin?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

/** A workspace: `path` from the root with `/`, e.g. `packages/ports`. */
export interface Workspace {
  readonly path: string
  readonly manifest: Manifest
}

/** How an import is written: loaded at once, by `import()` or `require()` when it is reached, or erased by the compiler. */
export type ImportKind = 'static' | 'dynamic' | 'type'

export type Target =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'builtin'; readonly name: string }
  | { readonly kind: 'vendor'; readonly name: string }
  | { readonly kind: 'missing' }

export interface Import {
  readonly specifier: string
  readonly kind: ImportKind
  /** The file it leads to, also across packages: `@pdvend/ports` leads to packages/ports/src/index.ts. */
  readonly target: Target
}

export interface SourceFile {
  /** From the root with `/`, e.g. `packages/ports/src/index.ts`. */
  readonly path: string
  readonly workspace: Workspace
  readonly lines: number
  readonly imports: readonly Import[]
}

/** Every workspace that root package.json names. */
export function readWorkspaces(): readonly Workspace[] {
  const patterns = readJson<{ workspaces: string[] }>('package.json').workspaces
  return patterns
    .flatMap((pattern) =>
      pattern.endsWith('/*') ? folders(pattern.slice(0, -2)).map((name) => `${pattern.slice(0, -1)}${name}`) : [pattern],
    )
    .filter((path) => exists(`${path}/package.json`))
    .map((path) => ({ path, manifest: readJson<Manifest>(`${path}/package.json`) }))
}

/** Every TypeScript file under `folders` of each workspace, with what it imports. */
export function readGraph(workspaces: readonly Workspace[], inFolders: readonly string[] = ['src']): ReadonlyMap<string, SourceFile> {
  const graph = new Map<string, SourceFile>()
  for (const workspace of workspaces) {
    const sources = inFolders.flatMap((folder) => filesUnder(`${workspace.path}/${folder}`)).filter((path) => /\.tsx?$/.test(path))
    for (const path of sources) {
      const text = readFileSync(join(root, path), 'utf8')
      const imports = readImports(path, text).map((found) => ({ ...found, target: resolve(found.specifier, path, workspaces) }))
      graph.set(path, { path, workspace, lines: text.split('\n').length - 1, imports })
    }
  }
  return graph
}

/** What `path` imports, read from the syntax tree, so that neither a comment nor a string can mislead. */
export function readImports(path: string, text: string): readonly { specifier: string; kind: ImportKind }[] {
  const found: { specifier: string; kind: ImportKind }[] = []
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true)
  const isLoad = loads(text.includes('createRequire'))
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      found.push({ specifier: node.moduleSpecifier.text, kind: isErased(node) ? 'type' : 'static' })
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
      found.push({ specifier: node.moduleSpecifier.text, kind: node.isTypeOnly ? 'type' : 'static' })
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
      found.push({ specifier: node.argument.literal.text, kind: 'type' })
    } else if (ts.isCallExpression(node) && isLoad(node.expression) && node.arguments[0] && ts.isStringLiteralLike(node.arguments[0])) {
      found.push({ specifier: node.arguments[0].text, kind: 'dynamic' })
    }
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return found
}

/** With `verbatimModuleSyntax` only `import type` disappears; `import { type A }` still loads the module. */
function isErased(node: ts.ImportDeclaration): boolean {
  return node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
}

/** `import(...)` and `createRequire(import.meta.url)(...)`; a plain `require(...)` only where the file makes one. */
function loads(makesRequire: boolean): (callee: ts.Expression) => boolean {
  return (callee) => {
    if (callee.kind === ts.SyntaxKind.ImportKeyword) return true
    if (ts.isIdentifier(callee)) return makesRequire && callee.text === 'require'
    return ts.isCallExpression(callee) && ts.isIdentifier(callee.expression) && callee.expression.text === 'createRequire'
  }
}

function resolve(specifier: string, from: string, workspaces: readonly Workspace[]): Target {
  if (specifier.startsWith('.'))
    return sourceFile(
      normalize(join(dirname(from), specifier))
        .split(sep)
        .join('/'),
    )
  if (isBuiltin(specifier)) return { kind: 'builtin', name: specifier }
  const name = packageName(specifier)
  const workspace = workspaces.find((candidate) => candidate.manifest.name === name)
  if (!workspace) return { kind: 'vendor', name }
  const entry = workspace.manifest.exports?.[`.${specifier.slice(name.length)}`]
  if (entry === undefined || typeof entry === 'string') return { kind: 'missing' }
  return sourceFile(
    join(workspace.path, entry.default.replace(/^\.\/dist\//, 'src/'))
      .split(sep)
      .join('/'),
  )
}

function sourceFile(path: string): Target {
  const stem = path.replace(/\.js$/, '')
  const file = [path, `${stem}.ts`, `${stem}.tsx`].find((candidate) => exists(candidate))
  return file === undefined ? { kind: 'missing' } : { kind: 'file', path: file }
}

/** `@scope/name/deep/path` to `@scope/name`. */
export function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

/** Every file that is loaded when `entry` is, itself included; `kinds` says which imports to follow. */
export function reachable(graph: ReadonlyMap<string, SourceFile>, entry: string, kinds: readonly ImportKind[]): ReadonlySet<string> {
  const seen = new Set<string>()
  const visit = (path: string): void => {
    if (seen.has(path)) return
    seen.add(path)
    for (const { kind, target } of graph.get(path)?.imports ?? []) {
      if (kinds.includes(kind) && target.kind === 'file') visit(target.path)
    }
  }
  visit(entry)
  return seen
}

/** The first cycle of static imports, as the list of its files; none when there is no cycle. */
export function findCycle(graph: ReadonlyMap<string, SourceFile>): readonly string[] | undefined {
  const done = new Set<string>()
  const stack: string[] = []
  const visit = (path: string): readonly string[] | undefined => {
    if (done.has(path)) return undefined
    const at = stack.indexOf(path)
    if (at >= 0) return [...stack.slice(at), path]
    stack.push(path)
    for (const { kind, target } of graph.get(path)?.imports ?? []) {
      const cycle = kind === 'static' && target.kind === 'file' ? visit(target.path) : undefined
      if (cycle) return cycle
    }
    stack.pop()
    done.add(path)
    return undefined
  }
  for (const path of graph.keys()) {
    const cycle = visit(path)
    if (cycle) return cycle
  }
  return undefined
}

const GENERATED = new Set(['node_modules', 'dist', 'coverage', '.turbo', '.test-results', '.pdvend', '.git'])

/** Every file below a folder of the repository that a person wrote, from the root. */
export function filesUnder(path: string): readonly string[] {
  if (!exists(path)) return []
  return readdirSync(join(root, path), { withFileTypes: true }).flatMap((entry) => {
    if (GENERATED.has(entry.name)) return []
    return entry.isDirectory() ? filesUnder(`${path}/${entry.name}`) : [`${path}/${entry.name}`]
  })
}

/** A path from the root for a file's absolute one. */
export function fromRoot(file: string): string {
  return relative(root, file).split(sep).join('/')
}

function folders(path: string): readonly string[] {
  return exists(path) ? readdirSync(join(root, path)).sort() : []
}

function exists(path: string): boolean {
  return statSync(join(root, path), { throwIfNoEntry: false }) !== undefined
}

export function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(join(root, path), 'utf8')) as T
}
