// Writes docs/configuration.md: every environment variable of every adapter in this repository, read from the manifests.
//
//   node scripts/docs-config.mjs           writes the file
//   node scripts/docs-config.mjs --check   changes nothing, exits with 1 when the file is not up to date
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const file = join(root, 'docs/configuration.md')
const table = execFileSync(process.execPath, [join(root, 'packages/cli/dist/bin.js'), 'config', '--markdown'], { encoding: 'utf8' })
const text = `# Configuration

An app reads its configuration from environment variables when it starts. It reports everything that is wrong at once, and
\`pdvend doctor\` does so without starting the app. An empty value is an error, and so is a name that begins with
\`PDVEND_\` and is not in this table (but for \`PDVEND_TEST_*\`); variables of adapters that are not in force are ignored.
Secrets are never printed.

This file is made from the adapters' manifests by \`npm run docs:config\`.

${table}`

if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') === text) process.exit(0)
  console.error('docs/configuration.md is not up to date: run npm run docs:config')
  process.exit(1)
}
writeFileSync(file, text)
