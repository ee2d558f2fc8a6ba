import { existsSync, readdirSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '@pdvend/ports'
import { decodeRuns } from './acks.js'
import type { SpoolFiles } from './files.js'
import { FORMAT_VERSION, versionOf } from './record.js'
import { scanFile } from './scan.js'
import { ackPath, Segment } from './segment.js'

const ENTRY_BYTES = 12

/** The segments that another process left in a folder, and how many of their records are beyond reading. */
export interface Recovered {
  readonly segments: readonly Segment[]
  readonly lost: number
  /** One more than the highest sequence given. */
  readonly next: number
}

/** Reads what is left in `folder`; its records get sequences from `first` on. What a newer release wrote stays untouched. */
export async function recoverFolder(folder: string, first: number, files: SpoolFiles, log: Logger): Promise<Recovered> {
  const segments: Segment[] = []
  let lost = 0
  let next = first
  removeStrays(folder)
  for (const name of readdirSync(folder)
    .filter((entry) => entry.endsWith('.seg'))
    .sort()) {
    const path = join(folder, name)
    const bytes = await readFile(path)
    const version = versionOf(bytes)
    if (version !== undefined && version > FORMAT_VERSION) {
      log.error({ path, version }, 'a newer release wrote this spool file: it is left for that release')
      continue
    }
    const acks = await readFile(ackPath(path)).catch(() => Buffer.alloc(0))
    const acknowledged = decodeRuns(acks)
    const scan = scanFile(bytes)
    const gone = scan.lost.filter(({ offset }) => !acknowledged(offset)).reduce((sum, { count }) => sum + count, 0)
    const segment = new Segment(path, next, files)
    segment.sealed = segment.recovered = true
    segment.filled = segment.written = bytes.length
    segment.acknowledged = acknowledged
    segment.ackBytes = acks.length - (acks.length % ENTRY_BYTES)
    segment.records = scan.ordinals
    for (const record of scan.records) {
      if (acknowledged(record.offset)) continue
      segment.pending += 1
      segment.unreadBytes += record.body.byteLength
    }
    segment.unread = segment.pending
    if (gone > 0) log.error({ path, records: gone }, 'spool records are damaged: they are counted as dropped')
    lost += gone
    next += scan.ordinals
    if (segment.pending === 0) segment.remove()
    else segments.push(segment)
  }
  return { segments, lost, next }
}

/** Acknowledgements whose records are gone, and rewrites that were never finished. */
function removeStrays(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    if (name.endsWith('.new') || (name.endsWith('.ack') && !existsSync(path.replace(/\.ack$/, '.seg')))) rmSync(path, { force: true })
  }
}
