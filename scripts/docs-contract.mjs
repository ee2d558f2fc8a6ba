// Writes docs/contract.md: every clause of the contract beside every adapter of this repository, read from the suites and the
// manifests. Writes the numbers of clauses and mutants into both READMEs, between their marks.
//
//   node scripts/docs-contract.mjs           writes the files
//   node scripts/docs-contract.mjs --check   changes nothing, exits with 1 when one of them is not up to date
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { suiteOf } from '../packages/contract/dist/index.js'
import { local, noopTelemetry, stdoutTelemetry } from '../packages/local/dist/index.js'
import { aws } from '../packages/aws/dist/index.js'
import { onprem } from '../packages/onprem/dist/index.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const ports = [
  { port: 'blob', title: 'Blob storage', adapters: [local.blob, onprem.blob, aws.blob] },
  { port: 'jobs', title: 'Job queue', adapters: [local.jobs, onprem.jobs, aws.jobs] },
  { port: 'push', title: 'Push notifications', adapters: [local.push, onprem.push, aws.push] },
  { port: 'telemetry', title: 'Telemetry', adapters: [local.telemetry, onprem.telemetry, aws.telemetry, stdoutTelemetry, noopTelemetry] },
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

const numbers = ports.map(({ port }) => [suiteOf(port).cases.length, suiteOf(port).mutants.length])
const sums = [0, 1].map((column) => numbers.reduce((total, counts) => total + counts[column], 0))

/** The table of numbers; `names` are the ports' in their order. */
function countsTable(head, names, together) {
  return table(head, [...names.map((name, index) => [name, ...numbers[index]]), [together, ...sums]])
}

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

${countsTable(
  ['port', 'clauses', 'mutants'],
  ports.map(({ title }) => `[${title}](#${title.toLowerCase().replaceAll(' ', '-')})`),
  'together',
)}

${sections.join('\n')}`

const english = countsTable(['port', 'clauses', 'mutants'], ['blob storage', 'job queue', 'push notifications', 'telemetry'], 'together')
const portuguese = countsTable(
  ['porta', 'cláusulas', 'mutantes'],
  ['armazenamento de arquivos', 'fila de tarefas', 'notificações push', 'telemetria'],
  'ao todo',
)

const files = {
  'docs/contract.md': text,
  'README.md': await withCounts('README.md', english),
  'README.pt-BR.md': await withCounts('README.pt-BR.md', portuguese),
}
const stale = Object.keys(files).filter((path) => readFileSync(join(root, path), 'utf8') !== files[path])
if (process.argv.includes('--check')) {
  if (stale.length > 0) console.error(`not up to date: ${stale.join(', ')}; run npm run docs:contract`)
  process.exitCode = stale.length === 0 ? 0 : 1
} else for (const path of stale) writeFileSync(join(root, path), files[path])

/** The page with the table between its marks, in the house's format. */
async function withCounts(path, counts) {
  const file = join(root, path)
  const marked = /(<!-- contract -->)[\s\S]*(<!-- \/contract -->)/
  const page = readFileSync(file, 'utf8').replace(marked, `$1\n\n${counts}\n\n$2`)
  return format(page, { ...(await resolveConfig(file)), filepath: file })
}
