import type { Statement } from './client.js'
import { inSchema, quoted } from './schema.js'

/**
 * A page of what a device has not had, in one statement and so of one moment. `reach`: its streams, where it stands and where
 * the page takes it; `retained`: the state of streams that are new to it; `page`: entries in the order of publishing, as many
 * as fit, and at least one. Bodies are read for the page alone. Each table is asked row by row (LATERAL, OFFSET 0), by the whole
 * of a key, whatever the planner believes about its size.
 */
const REPLAY = `
WITH reach AS MATERIALIZED (
  SELECT c.stream, w.seq IS NULL AS fresh, coalesce(s.head, 0) AS head, coalesce(s.floor, 0) AS floor,
    greatest(c.seq, least(coalesce(w.seq, 0), coalesce(s.head, 0))) AS start
  FROM @.cursors c
  LEFT JOIN unnest($3::text[], $4::bigint[]) AS w (stream, seq) ON w.stream COLLATE "C" = c.stream
  LEFT JOIN LATERAL (SELECT head, floor FROM @.streams WHERE ns = $1 AND stream = c.stream OFFSET 0) s ON true
  WHERE c.ns = $1 AND c.device = $2
), later AS MATERIALIZED (
  SELECT f.stream, f.seq, f.n <= $6 AND (f.n = 1 OR f.total <= $7) AS fits
  FROM (
    SELECT e.stream, e.seq, row_number() OVER o AS n, sum(e.size) OVER o AS total
    FROM reach r CROSS JOIN LATERAL (
      SELECT stream, seq, octet_length(bytes) AS size FROM @.entries
      WHERE ns = $1 AND stream = r.stream AND seq > r.start AND expires_at > $5 ORDER BY seq LIMIT $6 + 1) e
    WINDOW o AS (ORDER BY e.seq)) f
)
SELECT 'reach' AS part, r.stream,
  CASE WHEN l.rest THEN coalesce(l.last, r.start) ELSE greatest(r.head, coalesce(l.last, r.start)) END AS seq,
  NULL::bigint AS prev, NULL AS id, NULL AS name, NULL AS replace_key, NULL::boolean AS retain, NULL::bigint AS expires_at,
  NULL AS receipt_to, NULL::bytea AS bytes, r.floor > r.start AS lost, coalesce(l.rest, false) AS rest
FROM reach r
CROSS JOIN LATERAL (SELECT max(seq) FILTER (WHERE fits) AS last, bool_or(NOT fits) AS rest FROM later WHERE later.stream = r.stream) l
UNION ALL
SELECT 'retained', e.stream, e.seq, e.prev, e.id, e.name, e.replace_key, e.retain, e.expires_at, e.receipt_to, e.bytes, NULL, NULL
FROM reach r CROSS JOIN LATERAL (
  SELECT * FROM @.entries WHERE ns = $1 AND stream = r.stream AND seq <= r.start AND retain AND expires_at > $5 OFFSET 0) e
WHERE r.fresh
UNION ALL
SELECT 'page', e.stream, e.seq, e.prev, e.id, e.name, e.replace_key, e.retain, e.expires_at, e.receipt_to, e.bytes, NULL, NULL
FROM later l CROSS JOIN LATERAL (SELECT * FROM @.entries WHERE ns = $1 AND stream = l.stream AND seq = l.seq OFFSET 0) e
WHERE l.fits
ORDER BY 1, 3`

const TEXTS = {
  id: `SELECT value FROM @.meta WHERE name = 'id'`,
  append: 'SELECT place, state, sequence, previous FROM @.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)',
  replay: REPLAY,
  acknowledge: 'SELECT @.acknowledge($1, $2)',
  expire: 'SELECT looked, deleted FROM @.expire($1, $2)',
  forget: 'SELECT @.forget($1, $2) AS gone',
  enroll: 'SELECT groups, changed FROM @.enroll($1, $2, $3)',
  receipts: `SELECT false AS queued, id, device, state, at, error FROM @.outcomes WHERE ns = $1 AND id = $2
    UNION ALL
    SELECT true, id, substr(stream, 8), 'queued', kept_at, NULL FROM @.entries WHERE ns = $1 AND id = $2 AND stream LIKE 'device:%'`,
  heads: 'SELECT stream, head FROM @.streams WHERE ns = $1 AND queued > 0',
  isSettled: 'SELECT 1 AS one FROM @.settled WHERE ns = $1 AND device = $2 AND id = $3',
  // In the order of the key, so that two instances never wait for each other.
  settle: `INSERT INTO @.settled (ns, device, id, forget_at)
    SELECT $1, d, i, f FROM unnest($2::text[], $3::text[], $4::bigint[]) u (d, i, f) ORDER BY d COLLATE "C", i COLLATE "C"
    ON CONFLICT DO NOTHING RETURNING device, id`,
} as const

export type Statements = { readonly [Name in keyof typeof TEXTS]: Statement }

/** Every statement of the journal for one schema. */
export function statementsOf(schema: string): Statements {
  const made = Object.entries(TEXTS).map(([name, text]) => [name, { name: `pdvend_${name}`, text: inSchema(text, quoted(schema)) }])
  return Object.fromEntries(made) as Statements
}
