import { acknowledge, append, end, enroll, expire, forget, lock } from './functions.js'

/**
 * The push journal's tables: those of the embedded journal. `ns` parts tenants. `seq` comes from one sequence, so that a
 * replay keeps the order of publishing over all streams; `prev` is the entry before it in its stream. A row of `cursors` is a
 * device's membership of a stream. Texts are compared by their bytes: a lock order must not hang on the database's locale.
 *
 * *Locks*, always in this order, so that no two instances wait for each other: rows of `streams` by name, a device's own row of
 * `cursors` by device, then the rest. A writer draws sequences while it holds the rows of its streams and holds them until it
 * has committed: within a stream entries become visible in the order of their sequences, and no reader steps over one that
 * comes later with a lower one. Every writer is one statement: a process that freezes or dies leaves no lock behind.
 *
 * `@.` stands for the schema. migrations[n] turns version n into n + 1.
 */
export const migrations: readonly string[] = [
  `CREATE SEQUENCE @.entries_seq AS bigint;
   CREATE TABLE @.streams (
     ns text COLLATE "C" NOT NULL, stream text COLLATE "C" NOT NULL,
     head bigint NOT NULL DEFAULT 0, floor bigint NOT NULL DEFAULT 0, queued integer NOT NULL DEFAULT 0,
     PRIMARY KEY (ns, stream)) WITH (fillfactor = 70);
   CREATE TABLE @.entries (
     ns text COLLATE "C" NOT NULL, stream text COLLATE "C" NOT NULL, seq bigint NOT NULL, prev bigint NOT NULL,
     id text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, replace_key text COLLATE "C", retain boolean NOT NULL,
     kept_at bigint NOT NULL, expires_at bigint NOT NULL, receipt_to text, bytes bytea NOT NULL,
     PRIMARY KEY (ns, stream, seq)) WITH (autovacuum_vacuum_scale_factor = 0.05);
   CREATE UNIQUE INDEX entries_by_id ON @.entries (ns, id, stream);
   CREATE INDEX entries_by_key ON @.entries (ns, stream, name, replace_key) WHERE replace_key IS NOT NULL;
   CREATE INDEX entries_retained ON @.entries (ns, stream, seq) WHERE retain;
   CREATE INDEX entries_by_expiry ON @.entries (expires_at);
   CREATE TABLE @.cursors (
     ns text COLLATE "C" NOT NULL, device text COLLATE "C" NOT NULL, stream text COLLATE "C" NOT NULL, seq bigint NOT NULL,
     PRIMARY KEY (ns, device, stream)) WITH (fillfactor = 70);
   CREATE TABLE @.outcomes (
     ns text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, device text COLLATE "C" NOT NULL,
     state text NOT NULL, at bigint NOT NULL, error text, forget_at bigint NOT NULL,
     PRIMARY KEY (ns, id, device));
   CREATE INDEX outcomes_by_age ON @.outcomes (forget_at);
   CREATE TABLE @.settled (
     ns text COLLATE "C" NOT NULL, device text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, forget_at bigint NOT NULL,
     PRIMARY KEY (ns, device, id));
   CREATE INDEX settled_by_age ON @.settled (forget_at);
   ${end}
   ${lock}
   ${append}
   ${acknowledge}
   ${expire}
   ${enroll}
   ${forget}`,
]

/** A schema's name in a statement, whatever word it is; the settings keep it to letters that need no escape. */
export function quoted(schema: string): string {
  return `"${schema}"`
}

export function inSchema(sql: string, quotedSchema: string): string {
  return sql.replaceAll('@.', `${quotedSchema}.`)
}
