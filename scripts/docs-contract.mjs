// Writes docs/contract.md: every clause of the contract beside every adapter of this repository, read from the suites and the
// manifests.
//
//   node scripts/docs-contract.mjs           writes the file
//   node scripts/docs-contract.mjs --check   changes nothing, exits with 1 when the file is not up to date
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suiteOf } from '../packages/contract/dist/index.js'
import { local, noopTelemetry, stdoutTelemetry } from '../packages/local/dist/index.js'

const file = join(dirname(dirname(fileURLToPath(import.meta.url))), 'docs/contract.md')
const ports = [
  { port: 'blob', title: 'Blob storage', adapters: [local.blob] },
  { port: 'jobs', title: 'Job queue', adapters: [local.jobs] },
  { port: 'push', title: 'Push notifications', adapters: [local.push] },
  { port: 'telemetry', title: 'Telemetry', adapters: [local.telemetry, stdoutTelemetry, noopTelemetry] },
]

/** What the manifest says of a clause: it must hold, or its call must be refused. */
function cell({ needs = [] }, { capabilities }) {
  return needs.every((name) => capabilities[name] === true) ? 'holds' : 'refused'
}

function row(cells) {
  return `| ${cells.map((text) => String(text).replaceAll('|', '\\|')).join(' | ')} |`
}

function table(head, rows) {
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n')
}

const numbers = ports.map(({ port, title }) => {
  const { cases, mutants } = suiteOf(port)
  return [`[${title}](#${title.toLowerCase().replaceAll(' ', '-')})`, cases.length, mutants.length]
})
const sum = (column) => numbers.reduce((total, cells) => total + cells[column], 0)

const sections = ports.map(({ port, title, adapters }) => {
  const { cases, mutants } = suiteOf(port)
  const clauses = cases.map((clause) => [clause.id, clause.title, ...adapters.map((adapter) => cell(clause, adapter))])
  const broken = mutants.map(({ name, fault, clauses: by }) => [name, fault, by.join(', ')])
  return `## ${title}

${table(['clause', 'what it says', ...adapters.map(({ name }) => `\`${name}\``)], clauses)}

### Mutants of ${title.toLowerCase()}

${table(['mutant', 'what is broken', 'clauses that must catch it'], broken)}
`
})

const text = `# The contract

Each clause is a case that runs against an adapter and its engine: \`pdvend contract --adapter <name>\`. Cases are chosen by the
capabilities that an adapter declares. **holds**: the case must pass. **refused**: the adapter says that it cannot, and the
call must be refused with \`UNSUPPORTED\` before anything is sent. No adapter has a list of exceptions.

Mutants are drivers that are broken on purpose; the suite must catch each of them.

This file is made from the suites and the manifests by \`npm run docs:contract\`.

${table(['port', 'clauses', 'mutants'], [...numbers, ['together', sum(1), sum(2)]])}

${sections.join('\n')}`

if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') === text) process.exit(0)
  console.error('docs/contract.md is not up to date: run npm run docs:contract')
  process.exit(1)
}
writeFileSync(file, text)
