import { createRequire } from 'node:module'
import { Command, CommanderError, Option } from 'commander'
import { addBlobs } from './commands/blobs.js'
import { addConfig } from './commands/config.js'
import { addContract } from './commands/contract.js'
import { addDoctor } from './commands/doctor.js'
import { addJobs } from './commands/jobs.js'
import { addProvision } from './commands/provision.js'
import { addTelemetry } from './commands/telemetry.js'
import { EXIT, type Io, sayFailure } from './io.js'

/** What a command needs to add itself. A command's number is its exit code; none = 0. */
export interface Setup {
  readonly io: Io
  /** Values of `--module`, given before or after the command's name. */
  modules(): readonly string[]
  /** Turns a command's work into an action whose failures become messages and exit codes. */
  action<Args extends unknown[]>(work: (...args: Args) => Promise<number | void>): (...args: Args) => Promise<void>
}

/** Runs the command line; gives the exit code. Never throws. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  let exitCode: number = EXIT.ok
  const program = new Command('pdvend')
  const setup: Setup = {
    io,
    modules: () => program.opts<{ module: string[] }>().module,
    action:
      (work) =>
      async (...args) => {
        exitCode = (await work(...args)) ?? EXIT.ok
      },
  }
  program
    .description('Looks after an app on the PDVend SDK. Reads PDVEND_PROFILE and the other PDVEND_* variables, as the app does.')
    .version(version(), '-V, --version')
    .addOption(
      new Option('-m, --module <path>', 'an adapter of your own: file or package that exports `manifest` (repeatable)')
        .argParser((path, all: readonly string[]) => [...all, path])
        .default([], 'none'),
    )
    .addHelpText('after', '\nExit codes: 0 all is well, 1 something failed, 78 the configuration is wrong.')
    .configureOutput({ writeOut: (text) => void io.stdout.write(text), writeErr: (text) => void io.stderr.write(text) })
    .showHelpAfterError('(--help shows what there is)')
    .exitOverride()
  for (const add of [addDoctor, addProvision, addContract, addJobs, addBlobs, addTelemetry, addConfig]) add(program, setup)
  try {
    await program.parseAsync(argv, { from: 'user' })
    return exitCode
  } catch (error) {
    return error instanceof CommanderError ? error.exitCode : sayFailure(io, error)
  }
}

function version(): string {
  const { version } = createRequire(import.meta.url)('../package.json') as { version: string }
  return version
}
