// The closing tables of npm test: what each workspace counted, how each adapter did on each engine, what did not run and why.
import { stripVTControlCharacters } from 'node:util'

/** Prints the tables and the closing line `N passed, N failed`; true when nothing failed. `broken`: a task failed, be it a test or not. */
export function printReport(rows, { broken, failSkips }) {
  const total = { passed: 0, failed: 0, skipped: 0 }
  for (const row of rows) for (const field of Object.keys(total)) total[field] += row[field]
  if (broken && total.failed === 0 && rows.every(({ flaky = [] }) => flaky.length === 0)) {
    console.error('\nA task failed that is not a test (see above); it counts as one failure.')
    total.failed = 1
  }
  printTable(
    ['workspace', 'passed', 'failed', 'skipped', 'seconds'],
    rows.map(({ name, passed, failed, skipped, seconds, note }) => [name, passed, failed, skipped, seconds.toFixed(1), note]),
  )
  printContracts(rows.flatMap(({ contracts = [] }) => contracts))
  const bySkips = failSkips ? ' (a failure, because CI=true)' : ''
  for (const { name, skips, leftOut = {} } of rows) {
    for (const [reason, count] of Object.entries(skips)) console.log(`skipped ${count} in ${name}: ${reason}${bySkips}`)
    for (const [reason, count] of Object.entries(leftOut)) console.log(`not run ${count} of ${name}: ${reason}`)
  }
  console.log(`\n${describeFailures(rows)}`)
  if (failSkips) {
    total.failed += total.skipped
    total.skipped = 0
  }
  console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`)
  return total.failed === 0 && total.passed > 0
}

const MESSAGE_LINES = 25

/** What failed, and what failed at first alone; each with the beginning of what was said. */
export function describeFailures(rows) {
  const lines = rows.flatMap(({ name, failures = [], flaky = [] }) => [
    ...failures.map((failure) => describe('failed', name, failure)),
    ...flaky.map((failure) => describe('flaky (passed when tried again alone)', name, failure)),
  ])
  return lines.join('')
}

function describe(how, workspace, { file, name, message = '' }) {
  const lines = stripVTControlCharacters(message).trimEnd().split('\n')
  const text = lines.filter((line) => !/^\s+at .*node_modules/.test(line)).slice(0, MESSAGE_LINES)
  return `${how}: ${workspace} ${file.split(/[/\\]/).at(-1)} ${name ?? ''}\n${text.map((line) => `    ${line}\n`).join('')}`
}

function printContracts(contracts) {
  if (contracts.length === 0) return
  const order = (one, other) => (one < other ? -1 : 1)
  const rows = contracts
    .map(({ adapter, port, engine, passed, refused, failed, leftOut }) => [
      `${adapter} (${port})`,
      engine,
      passed,
      refused,
      failed,
      leftOut,
    ])
    .sort((one, other) => order(`${one[0]} ${one[1]}`, `${other[0]} ${other[1]}`))
  printTable(['adapter (port)', 'engine', 'passed', 'refused', 'failed', 'left out'], rows)
  console.log('Clauses of the contract; refused: the adapter says that it cannot, and the refusal was proved.')
}

/** Numbers to the right, texts to the left; a cell beyond the head is a note. */
function printTable(head, rows) {
  const isText = (column) => rows.some((row) => Number.isNaN(Number(row[column])))
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => String(row[column]).length)))
  const line = (cells) =>
    cells
      .slice(0, head.length)
      .map((cell, column) => (isText(column) ? String(cell).padEnd(widths[column]) : String(cell).padStart(widths[column])))
      .join('  ')
  console.log(`\n${line(head)}`)
  for (const row of rows) console.log(`${line(row)}${row[head.length] === undefined ? '' : `  ${row[head.length]}`}`.trimEnd())
}
