import { type AdapterDeps, silentLogger } from '@pdvend/ports'
import { parseAddress } from './address.js'
import { checked, type PostgresJournalSettings } from './config.js'
import type { PostgresJournal } from './journal.js'

export type { PostgresJournalSettings } from './config.js'
export type { PostgresJournal } from './journal.js'

/**
 * Opens the journal in the database that `url` names, making or migrating its schema first; loads the client here, not before.
 * `deps.signal` bounds the start.
 * @throws CONFIG_INVALID (address, TLS, a schema of a newer release) | UNAVAILABLE | UNAUTHENTICATED | PERMISSION_DENIED |
 * NOT_FOUND (the database); each names PDVEND_PUSH_JOURNAL and none holds the password
 */
export async function openPostgresJournal(
  url: string,
  settings: PostgresJournalSettings,
  deps: Partial<Pick<AdapterDeps, 'log' | 'signal'>> = {},
): Promise<PostgresJournal> {
  const { openJournalAt } = await import('./open.js')
  return openJournalAt(parseAddress(url), checked(settings), deps.log ?? silentLogger, deps.signal)
}
