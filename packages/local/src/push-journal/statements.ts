import type { Database } from '../sqlite/database.js'

/** Every statement of the journal, prepared on first use. */
export function statements(database: Database) {
  const sql = (text: string) => database.prepare(text)
  return {
    journalId: sql(`SELECT value FROM meta WHERE name = 'id'`),
    entryById: sql('SELECT seq, prev FROM entries WHERE ns = ? AND stream = ? AND id = ?'),
    streamRow: sql('SELECT head, floor, queued FROM streams WHERE ns = ? AND stream = ?'),
    insert: sql(
      `INSERT INTO entries (prev, ns, stream, id, name, replace_key, retain, kept_at, expires_at, receipt_to, bytes)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    lastSequence: sql('SELECT last_insert_rowid() AS seq'),
    advance: sql(
      `INSERT INTO streams (ns, stream, head, queued) VALUES (?, ?, ?, 1)
       ON CONFLICT (ns, stream) DO UPDATE SET head = ?, queued = queued + 1`,
    ),
    fewer: sql('UPDATE streams SET queued = queued - 1 WHERE ns = ? AND stream = ?'),
    raiseFloor: sql('UPDATE streams SET floor = MAX(floor, ?) WHERE ns = ? AND stream = ?'),
    remove: sql('DELETE FROM entries WHERE seq = ?'),
    replaceable: sql('SELECT seq, id FROM entries WHERE ns = ? AND stream = ? AND name = ? AND replace_key = ?'),
    unretain: sql('UPDATE entries SET retain = 0 WHERE ns = ? AND stream = ? AND name = ? AND replace_key IS ? AND retain = 1'),
    oldest: sql('SELECT seq, id FROM entries WHERE ns = ? AND stream = ? AND retain = 0 ORDER BY seq LIMIT 1'),
    oldestRetained: sql('SELECT seq, id FROM entries WHERE ns = ? AND stream = ? ORDER BY seq LIMIT 1'),
    expired: sql('SELECT seq, ns, stream, id FROM entries WHERE expires_at <= ? LIMIT ?'),
    done: sql('SELECT seq, id, expires_at FROM entries WHERE ns = ? AND stream = ? AND seq <= ? AND retain = 0'),
    after: sql(
      `SELECT seq, prev, stream, id, name, replace_key, retain, expires_at, receipt_to, bytes FROM entries
       WHERE ns = ? AND stream = ? AND seq > ? AND expires_at > ? ORDER BY seq LIMIT ?`,
    ),
    retained: sql(
      `SELECT seq, prev, stream, id, name, replace_key, retain, expires_at, receipt_to, bytes FROM entries
       WHERE ns = ? AND stream = ? AND seq <= ? AND expires_at > ? AND retain = 1 ORDER BY seq`,
    ),
    heads: sql('SELECT stream, head FROM streams WHERE ns = ? AND queued > 0'),
    cursorsOf: sql('SELECT stream, seq FROM cursors WHERE ns = ? AND device = ?'),
    cursor: sql('SELECT seq FROM cursors WHERE ns = ? AND device = ? AND stream = ?'),
    moveCursor: sql('UPDATE cursors SET seq = ? WHERE ns = ? AND device = ? AND stream = ? AND seq < ?'),
    join: sql('INSERT INTO cursors (ns, device, stream, seq) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING'),
    leave: sql('DELETE FROM cursors WHERE ns = ? AND device = ? AND stream = ?'),
    putOutcome: sql(
      `INSERT INTO outcomes (ns, id, device, state, at, error, forget_at) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (ns, id, device) DO UPDATE SET state = excluded.state, at = excluded.at, error = excluded.error`,
    ),
    keepOutcome: sql('INSERT INTO outcomes (ns, id, device, state, at, forget_at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING'),
    outcomesOf: sql('SELECT id, device, state, at, error FROM outcomes WHERE ns = ? AND id = ?'),
    queuedById: sql(`SELECT stream, kept_at FROM entries WHERE ns = ? AND id = ? AND stream LIKE 'device:%'`),
    forgettable: sql(
      'SELECT 1 AS one WHERE EXISTS (SELECT 1 FROM outcomes WHERE forget_at <= ?) OR EXISTS (SELECT 1 FROM settled WHERE forget_at <= ?)',
    ),
    forgetOutcomes: sql('DELETE FROM outcomes WHERE forget_at <= ?'),
    forgetSettled: sql('DELETE FROM settled WHERE forget_at <= ?'),
    isSettled: sql('SELECT 1 AS one FROM settled WHERE ns = ? AND device = ? AND id = ?'),
    settle: sql('INSERT INTO settled (ns, device, id, forget_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING'),
  }
}

export type Statements = ReturnType<typeof statements>
