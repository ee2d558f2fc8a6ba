import type { Logger } from '@pdvend/ports'
import type { Address } from './address.js'
import { Client } from './client.js'
import type { Checked } from './config.js'
import { fail } from './errors.js'
import { another, PostgresJournal } from './journal.js'
import { prepareSchema } from './migrate.js'
import { quoted } from './schema.js'

/** Connects, brings the schema to its newest version and learns the journal's identity, which every later connection must have. */
export async function openJournalAt(address: Address, settings: Checked, log: Logger, signal?: AbortSignal): Promise<PostgresJournal> {
  const client = new Client(address, settings, log)
  try {
    const { id, version, fsync } = await prepareSchema(client, settings, signal)
    client.onConnection = async (query) => {
      const [row] = await query(`SELECT value FROM ${quoted(settings.schema)}.meta WHERE name = 'id'`)
      if (row?.['value'] !== id) throw another('connect')
    }
    if (!fsync) log.warn({ port: 'push' }, 'the server of PDVEND_PUSH_JOURNAL runs with fsync=off: a power cut loses accepted messages')
    const facts = {
      journal: `PostgreSQL ${version}`,
      'journal schema': settings.schema,
      'journal tls': address.tls === false ? 'none' : 'on',
      ...(fsync ? {} : { 'journal fsync': 'off' }),
    }
    return new PostgresJournal(client, settings, id, facts)
  } catch (cause) {
    // Not waited for: a connection that is still being made may take its time.
    void client.close().catch(() => {})
    signal?.throwIfAborted()
    throw fail('open', cause, address.shown)
  }
}
