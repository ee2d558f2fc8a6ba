import { type EventSpool, MemorySpool } from '@pdvend/ports'
import { DiskSpool } from './disk-spool.js'
import { resolved, type SpoolOptions } from './options.js'

/** With no disk, memory must do with less. */
const MEMORY_BYTES = 64 * 1_048_576

/**
 * Opens the spool in `directory` and takes over what dead processes left there. [T19] Where the directory cannot be
 * written, the spool works in memory and says so in the log: the app runs on, events do not outlive the process.
 * @throws INVALID_ARGUMENT for options that make no sense
 */
export async function openSpool(options: SpoolOptions): Promise<EventSpool> {
  const all = resolved(options)
  let spool: DiskSpool
  try {
    spool = new DiskSpool(all)
  } catch (error) {
    const { directory, maxBytes, policy, log, now } = all
    log.warn(
      { directory, code: (error as NodeJS.ErrnoException).code },
      'the spool directory cannot be used: events wait in memory and are lost with the process',
    )
    return new MemorySpool({ maxBytes: Math.min(maxBytes, MEMORY_BYTES), policy, now })
  }
  await spool.adopt()
  return spool
}
