// The workspaces of this repository: what package.json names, with each one's manifest.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Every workspace as `{ folder, path, manifest }`: absolute folder, path from the root, parsed package.json. */
export function workspaces() {
  const { workspaces: patterns } = readJson(join(root, 'package.json'))
  return patterns
    .flatMap((pattern) => (pattern.endsWith('/*') ? children(pattern.slice(0, -2)) : [pattern]))
    .filter((path) => existsSync(join(root, path, 'package.json')))
    .map((path) => ({ folder: join(root, path), path, manifest: readJson(join(root, path, 'package.json')) }))
}

function children(path) {
  if (!existsSync(join(root, path))) return []
  return readdirSync(join(root, path))
    .sort()
    .map((name) => `${path}/${name}`)
}

function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'))
}
