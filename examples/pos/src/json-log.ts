import type { Logger } from '@pdvend/ports'

const write =
  (level: 'warn' | 'error'): Logger['warn'] =>
  (fields, message) => {
    process.stderr.write(`${JSON.stringify({ level, time: new Date().toISOString(), message, ...fields })}\n`)
  }

const silent = (): void => undefined

/** Warnings and errors, a line of JSON each, on standard error. */
export const jsonLog: Logger = { debug: silent, info: silent, warn: write('warn'), error: write('error') }
