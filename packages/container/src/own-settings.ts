import { join } from 'node:path'
import { env, type SettingsOf } from '@pdvend/ports'
import { z } from 'zod'

const positiveMs = (byDefault: number) => z.coerce.number().int().min(1).max(86_400_000).default(byDefault)

/** The container's own settings, beside `PDVEND_PROFILE` and the four overrides. */
export const ownSettings = {
  timeoutMs: env('TIMEOUT_MS', positiveMs(30_000), {
    doc: 'Total time of a port call where the caller gives none, retries included, in milliseconds; default 30000',
    example: '10000',
  }),
  startMs: env('START_MS', positiveMs(30_000), {
    doc: 'Time that opening all four ports may take, in milliseconds; default 30000',
    example: '60000',
  }),
  drainMs: env('DRAIN_MS', positiveMs(10_000), {
    doc: 'Time that closing may take in all, split over what is open, in milliseconds; default 10000. Keep it below the time after which your platform kills',
    example: '25000',
  }),
  spoolDir: env('SPOOL_DIR', z.string().min(1).optional(), {
    doc: 'Directory in which telemetry waits for its engine; default: spool under PDVEND_LOCAL_DIR, or under .pdvend',
    example: '/var/lib/pdvend/spool',
  }),
  spoolMaxBytes: env('SPOOL_MAX_BYTES', z.coerce.number().int().min(1_048_576).default(268_435_456), {
    doc: 'Disk that waiting telemetry may take, in bytes, at least 1048576; default 268435456 (256 MiB)',
    example: '1073741824',
  }),
  spoolPolicy: env('SPOOL_POLICY', z.enum(['dropOldest', 'dropNewest']).default('dropOldest'), {
    doc: 'Which events are given up, and counted, when that disk is full: dropOldest (default) or dropNewest',
    example: 'dropNewest',
  }),
} as const

export type OwnSettings = SettingsOf<typeof ownSettings>

/** Names that mean nothing yet, and what to say about them. */
export const reservedVariables: ReadonlyMap<string, string> = new Map([
  ['PDVEND_PUSH_JOURNAL', 'it unset: a push journal in PostgreSQL comes with the onprem and aws profiles; local keeps its own'],
])

/** Where the spool lives when nobody says: beside the embedded engines' data, so that one directory holds everything. */
export function spoolDirectory({ spoolDir }: OwnSettings, source: Readonly<Record<string, string | undefined>>): string {
  return spoolDir ?? join(source.PDVEND_LOCAL_DIR ?? '.pdvend', 'spool')
}
