import type { AdapterDeps, PushJournal } from '@pdvend/ports'
import type { PushSettings } from './settings.js'

/** The journal, with what it says of itself. */
export type SharedJournal = PushJournal & { readonly facts?: Readonly<Record<string, string>> }

/** The journal of several instances, where PDVEND_PUSH_JOURNAL names one; its client is loaded only then. */
export async function openJournal(
  adapter: string,
  { journal, namespace, maxQueued, overflow }: PushSettings,
  { log, signal }: AdapterDeps,
): Promise<SharedJournal | undefined> {
  if (journal === undefined) {
    log.warn({ port: 'push', adapter }, 'no PDVEND_PUSH_JOURNAL: messages reach only devices that are connected')
    return undefined
  }
  const { openPostgresJournal } = await import('@pdvend/push-journal')
  return openPostgresJournal(journal.reveal(), { namespace, maxQueued, overflow }, { log, signal })
}

/** What `facts` tells of it. */
export function journalFacts(journal: SharedJournal | undefined): Readonly<Record<string, string>> {
  return journal === undefined ? { journal: 'none: only connected devices are reached' } : (journal.facts ?? {})
}
