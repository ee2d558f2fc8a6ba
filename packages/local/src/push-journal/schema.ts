/**
 * The push journal's tables. `ns` parts tenants. An entry's `seq` grows over all streams, so that a replay keeps the order
 * of publishing; `prev` is the one before it in its stream. A row of `cursors` is a device's membership of a stream.
 */
export const migrations: readonly string[] = [
  `CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
   INSERT INTO meta VALUES ('id', lower(hex(randomblob(8))));
   CREATE TABLE streams (
     ns TEXT NOT NULL, stream TEXT NOT NULL,
     head INTEGER NOT NULL, floor INTEGER NOT NULL DEFAULT 0, queued INTEGER NOT NULL DEFAULT 0,
     PRIMARY KEY (ns, stream)) WITHOUT ROWID;
   CREATE TABLE entries (
     seq INTEGER PRIMARY KEY AUTOINCREMENT, prev INTEGER NOT NULL,
     ns TEXT NOT NULL, stream TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL,
     replace_key TEXT, retain INTEGER NOT NULL, kept_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, receipt_to TEXT, bytes BLOB NOT NULL);
   CREATE UNIQUE INDEX entries_by_id ON entries (ns, stream, id);
   CREATE INDEX entries_by_stream ON entries (ns, stream, seq);
   CREATE INDEX entries_by_key ON entries (ns, stream, name, replace_key) WHERE replace_key IS NOT NULL;
   CREATE INDEX entries_retained ON entries (ns, stream, seq) WHERE retain = 1;
   CREATE INDEX entries_by_expiry ON entries (expires_at);
   CREATE TABLE cursors (
     ns TEXT NOT NULL, device TEXT NOT NULL, stream TEXT NOT NULL, seq INTEGER NOT NULL,
     PRIMARY KEY (ns, device, stream)) WITHOUT ROWID;
   CREATE TABLE outcomes (
     ns TEXT NOT NULL, id TEXT NOT NULL, device TEXT NOT NULL, state TEXT NOT NULL, at INTEGER NOT NULL,
     error TEXT, forget_at INTEGER NOT NULL,
     PRIMARY KEY (ns, id, device)) WITHOUT ROWID;
   CREATE INDEX outcomes_by_age ON outcomes (forget_at);
   CREATE TABLE settled (
     ns TEXT NOT NULL, device TEXT NOT NULL, id TEXT NOT NULL, forget_at INTEGER NOT NULL,
     PRIMARY KEY (ns, device, id)) WITHOUT ROWID;
   CREATE INDEX settled_by_age ON settled (forget_at);`,
]
