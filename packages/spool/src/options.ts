import { invalid, type Logger, silentLogger, type SpoolPolicy } from '@pdvend/ports'
import { diskFiles, type SpoolFiles } from './files.js'

export interface SpoolOptions {
  /** Shared by any number of processes; made where it is missing. */
  readonly directory: string
  /** Bound of what is on disk for this process, in bytes, dead letters apart. Default 256 MiB, at least 64 KiB. */
  readonly maxBytes?: number
  /** What happens at the bound. Default `dropOldest`, by whole segments. */
  readonly policy?: SpoolPolicy
  /** Size of a segment in bytes; a segment is also the granularity of `dropOldest`. Default 2 MiB or an eighth of `maxBytes`, the smaller one. */
  readonly segmentBytes?: number
  /** Longest wait of a record in memory before it is written, in milliseconds. Default 2. */
  readonly writeEveryMs?: number
  /** Longest wait of a written record for its fsync where nobody waits for `synced()`, in milliseconds. Default 200. */
  readonly syncEveryMs?: number
  /** How often folders of dead processes are looked for, in milliseconds. Default 15,000. */
  readonly adoptEveryMs?: number
  readonly log?: Logger
  /** Default Date.now. */
  readonly now?: () => number
  /** The disk; a test may hand in a bad one. */
  readonly files?: SpoolFiles
}

export type ResolvedOptions = Required<SpoolOptions>

const KIBIBYTE = 1_024
const MEBIBYTE = 1_024 * KIBIBYTE
const MIN_BYTES = 64 * KIBIBYTE
const SEGMENTS = 8

/** @throws INVALID_ARGUMENT */
export function resolved(options: SpoolOptions): ResolvedOptions {
  const place = { adapter: 'spool', operation: 'open' }
  if (typeof options.directory !== 'string' || options.directory === '')
    throw invalid('directory', options.directory, 'give the path of a folder', place)
  const whole = (name: keyof SpoolOptions, fallback: number, least: number): number => {
    const value = options[name] ?? fallback
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least)
      throw invalid(name, value, `give a whole number of at least ${least}`, place)
    return value
  }
  const { policy = 'dropOldest' } = options
  if (policy !== 'dropOldest' && policy !== 'dropNewest') throw invalid('policy', policy, 'use "dropOldest" or "dropNewest"', place)
  const maxBytes = whole('maxBytes', 256 * MEBIBYTE, MIN_BYTES)
  return {
    directory: options.directory,
    maxBytes,
    policy,
    segmentBytes: whole('segmentBytes', Math.min(2 * MEBIBYTE, Math.floor(maxBytes / SEGMENTS)), KIBIBYTE),
    writeEveryMs: whole('writeEveryMs', 2, 0),
    syncEveryMs: whole('syncEveryMs', 200, 1),
    adoptEveryMs: whole('adoptEveryMs', 15_000, 10),
    log: options.log ?? silentLogger,
    now: options.now ?? Date.now,
    files: options.files ?? diskFiles,
  }
}
