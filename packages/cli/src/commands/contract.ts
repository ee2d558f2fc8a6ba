import type { ClauseResult, MutantResult } from '@pdvend/contract'
import { type Command, Option } from 'commander'
import { type KnownAdapter, knownAdapters } from '../adapters.js'
import { EXIT, Failure, type Io, say, sayJson, sayTable } from '../io.js'
import { integerOption, listOption } from '../options.js'
import type { Setup } from '../program.js'

interface ContractFlags {
  readonly adapter: string
  readonly only?: readonly string[]
  readonly parallel: number
  readonly seed: number
  readonly mutants?: boolean
  readonly clock?: 'real' | 'fake'
  readonly json?: boolean
}

export function addContract(program: Command, { io, modules, action }: Setup): void {
  program
    .command('contract')
    .description('proves an adapter: runs every clause of its port against the engine that the environment names')
    .requiredOption('--adapter <name>', 'e.g. local-blob')
    .option('--only <ids>', 'only these clauses, e.g. B1,B57', listOption)
    .option('--parallel <count>', 'the whole suite so many times side by side', integerOption(1), 1)
    .option('--seed <number>', 'start of the randomness; the same seed gives the same run', integerOption(0), 1)
    .option('--mutants', 'also runs drivers that are broken on purpose: each must be caught')
    .addOption(
      new Option('--clock <kind>', 'fake: the adapter takes all its time from the clock that it is given').choices(['real', 'fake']),
    )
    .option('--json', 'as JSON')
    .addHelpText('after', '\nEmbedded adapters run in a temporary directory unless PDVEND_LOCAL_DIR is set.')
    .action(
      action(async (flags: ContractFlags) => {
        // Loaded here, so that no other command pays for the suites.
        const { runContract, runMutants, suiteOf } = await import('@pdvend/contract')
        const { engineFor } = await import('../contract-engine.js')
        const known = pick(await knownAdapters(io, modules()), flags.adapter)
        const suite = suiteOf(known.adapter.port)
        const unknown = (flags.only ?? []).filter((id) => !suite.cases.some((clause) => clause.id === id))
        if (unknown.length > 0) throw new Failure(`the contract of ${known.adapter.port} has no clause ${unknown.join(', ')}`)
        const engine = await engineFor(known, io.env, flags.clock)
        try {
          const { only, parallel, seed } = flags
          const onResult = flags.json ? {} : { onResult: (result: ClauseResult) => say(io, clauseText(result)) }
          const clauses = await runContract(suite, known.adapter, engine, {
            ...(only === undefined ? {} : { only }),
            parallel,
            seed,
            ...onResult,
          })
          const mutants = flags.mutants ? await runMutants(suite, known.adapter, engine) : []
          return report(io, known.adapter.name, clauses, mutants, flags)
        } finally {
          await engine.stop?.()
        }
      }),
    )
}

function pick(known: readonly KnownAdapter[], name: string): KnownAdapter {
  const found = known.find(({ adapter }) => adapter.name === name)
  if (found === undefined)
    throw new Failure(
      `there is no adapter ${name}; there are ${known.map(({ adapter }) => adapter.name).join(', ')}, and yours by --module`,
    )
  return found
}

/** `ok B1 put then get equal bytes (12 ms)`. */
function clauseText({ id, title, status, ms, reason }: ClauseResult): string {
  const word = { passed: 'ok', failed: 'NOT OK', refused: 'ok, refused as declared:', unavailable: 'left out:' }[status]
  return `${word} ${id} ${title}${status === 'unavailable' ? '' : ` (${ms} ms)`}${reason === undefined ? '' : `\n    ${reason.replaceAll('\n', '\n    ')}`}`
}

/** Prints the mutants' fates and the closing line; gives the exit code. A mutant that lived counts as failed, and so does a run that proved nothing. */
function report(
  io: Io,
  adapter: string,
  clauses: readonly ClauseResult[],
  mutants: readonly MutantResult[],
  { json }: ContractFlags,
): number {
  const count = (status: ClauseResult['status']): number => clauses.filter((result) => result.status === status).length
  const caught = mutants.filter(({ caughtBy }) => caughtBy !== undefined).length
  const passed = count('passed') + count('refused') + caught
  const failed = count('failed') + mutants.length - caught
  if (json) {
    const shown = clauses.map(({ error: _, ...result }) => result)
    sayJson(io, { adapter, passed, failed, refused: count('refused'), leftOut: count('unavailable'), clauses: shown, mutants })
  } else {
    if (mutants.length > 0) {
      const rows = mutants.map(({ name, caughtBy, fault }) => [name, caughtBy ?? 'LIVED', fault])
      sayTable(io, [['MUTANT', 'CAUGHT BY', 'FAULT'], ...rows])
    }
    if (count('refused') > 0) say(io, `${count('refused')} of the passed were refused as the manifest declares`)
    if (count('unavailable') > 0)
      say(
        io,
        `${count('unavailable')} left out: they would have to break the engine, which is done only to one that the command line starts itself`,
      )
    say(io, `${passed} passed, ${failed} failed`)
  }
  return failed === 0 && passed > 0 ? EXIT.ok : EXIT.failed
}
