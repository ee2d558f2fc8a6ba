import type { Readable, Writable } from 'node:stream'
import { PortError } from '@pdvend/ports'
import { type Environment, isConfigError, problemText } from '@pdvend/container'

/** What the command line touches of its process; a test hands in its own. */
export interface Io {
  readonly env: Environment
  readonly cwd: string
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
}

/** Exit codes: 0 all is well; 1 something failed; 2 a plan has changes to make; 78 (EX_CONFIG of sysexits.h) the configuration is wrong. */
export const EXIT = { ok: 0, failed: 1, pending: 2, config: 78 } as const

/** Ends a command with a message of its own and exit code 1. */
export class Failure extends Error {}

export function say(io: Io, text: string): void {
  io.stdout.write(`${text}\n`)
}

/** One JSON value on standard output: dates as ISO text, errors by their fields. */
export function sayJson(io: Io, value: unknown): void {
  say(io, JSON.stringify(value, null, 2))
}

/** Columns as wide as their widest cell; the first row is the head. */
export function sayTable(io: Io, rows: readonly (readonly string[])[]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  for (const row of rows)
    say(
      io,
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
}

/** Says what went wrong and gives the exit code for it. */
export function sayFailure(io: Io, error: unknown): number {
  if (isConfigError(error)) {
    const { problems } = error
    io.stderr.write(`The configuration has ${problems.length === 1 ? 'one problem' : `${problems.length} problems`}:\n`)
    for (const problem of problems) io.stderr.write(`  ${problemText(problem)}\n`)
    io.stderr.write('`pdvend config` lists every variable.\n')
    return EXIT.config
  }
  const message = error instanceof Error ? error.message : String(error)
  io.stderr.write(`pdvend: ${message}\n`)
  return PortError.is(error, 'CONFIG_INVALID') ? EXIT.config : EXIT.failed
}
