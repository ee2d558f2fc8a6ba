/**
 * Where a job stands. A job with a key is its key's *head* or `blocked` behind it; only heads and jobs without a key
 * are ever `ready`, `leased` or `delayed`, so that claiming needs no look at other rows.
 */
export const READY = 0
export const LEASED = 1
export const BLOCKED = 2
export const DELAYED = 3

/**
 * What one step of priority is worth: a job passes those that have waited up to so much longer. `rank` = due time minus
 * this, fixed when the job becomes due, so that waiting is ageing: +100 against -100 starves nobody for more than 200 minutes.
 */
export const PRIORITY_STEP_MS = 60_000

/** So many of the last done jobs are remembered for `find`. */
export const DONE_KEPT = 10_000

/** Each state has its own partial index: claiming, due times and expiries cost a look-up, however long the queue is. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE job (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    key TEXT,
    state INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    enqueued_at INTEGER NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 1,
    crashes INTEGER NOT NULL DEFAULT 0,
    fence INTEGER NOT NULL DEFAULT 0,
    expires_at INTEGER,
    errors TEXT,
    progress TEXT,
    payload BLOB NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX job_id ON job (id);
  CREATE INDEX job_ready ON job (name, rank, due_at) WHERE state = 0;
  CREATE INDEX job_leased ON job (name, expires_at) WHERE state = 1;
  CREATE INDEX job_blocked ON job (name, key, seq, due_at) WHERE state = 2;
  CREATE INDEX job_delayed ON job (name, due_at) WHERE state = 3;
  CREATE UNIQUE INDEX job_head ON job (name, key) WHERE key IS NOT NULL AND state <> 2;

  CREATE TABLE dedupe (
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    id TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (name, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX dedupe_until ON dedupe (until);

  CREATE TABLE dead (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    key TEXT,
    priority INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    enqueued_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    reason TEXT NOT NULL,
    errors TEXT NOT NULL,
    died_at INTEGER NOT NULL,
    payload BLOB NOT NULL
  ) STRICT;
  CREATE INDEX dead_name ON dead (name);

  CREATE TABLE done (
    slot INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    enqueued_at INTEGER NOT NULL,
    progress TEXT
  ) STRICT;
  CREATE INDEX done_id ON done (id);
  `,
]
