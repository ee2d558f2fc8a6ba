import { join } from 'node:path'
import { openDatabase } from '../sqlite/database.js'
import { type JournalSettings, SqliteJournal } from './journal.js'
import { migrations } from './schema.js'

export type { JournalSettings } from './journal.js'

/** Opens the journal of a data directory; several processes may have it open. It can also stand beside another adapter's broker. */
export async function openJournal(directory: string, settings: JournalSettings): Promise<SqliteJournal> {
  return new SqliteJournal(await openDatabase(join(directory, 'push', 'journal.db'), migrations), settings)
}
