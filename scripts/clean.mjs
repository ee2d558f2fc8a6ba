// npm run clean: removes what builds, tests and Turborepo made; `npm run build` makes it again.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './turbo.mjs'
import { workspaces } from './workspaces.mjs'

const folders = [root, ...workspaces().map((workspace) => workspace.folder)]
const made = ['dist', '.turbo', '.test-results', 'coverage', 'docs/api', 'node_modules/.cache']
for (const folder of folders) for (const name of made) rmSync(join(folder, name), { recursive: true, force: true })
