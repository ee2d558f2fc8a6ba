/**
 * What writes, as functions of the database: one statement and so one round trip and one commit for a whole group, with locks
 * that nobody holds while he thinks. Each does what the embedded journal does, entry by entry. Times are milliseconds.
 *
 * Rows are found one by one, by the whole of a key, where a set would do: a plan that was made while the tables were small may
 * otherwise read a whole stream for a row of it, which made appends at the bound fifteen times slower.
 */

/** An entry goes before its device had it; 1, or 0 when it was gone. */
export const end = `
CREATE FUNCTION @.end_entry(p_ns text, p_stream text, p_seq bigint, p_state text, p_now bigint) RETURNS integer
LANGUAGE plpgsql AS $body$
DECLARE
  its_id text;
BEGIN
  DELETE FROM @.entries e WHERE e.ns = p_ns AND e.stream = p_stream AND e.seq = p_seq RETURNING e.id INTO its_id;
  IF NOT FOUND THEN RETURN 0; END IF;
  IF p_stream LIKE 'device:%' AND NOT EXISTS (
    SELECT FROM @.cursors c WHERE c.ns = p_ns AND c.device = substr(p_stream, 8) AND c.stream = p_stream AND c.seq >= p_seq) THEN
    INSERT INTO @.outcomes (ns, id, device, state, at, forget_at)
      VALUES (p_ns, its_id, substr(p_stream, 8), p_state, p_now, p_now + 86400000) ON CONFLICT DO NOTHING;
  END IF;
  RETURN 1;
END
$body$;`

/** Locks streams in the order of their names; those that do not exist are passed over. */
export const lock = `
CREATE FUNCTION @.lock_streams(p_ns text, p_streams text[]) RETURNS void
LANGUAGE plpgsql AS $body$
DECLARE
  one text;
BEGIN
  FOR one IN SELECT DISTINCT s COLLATE "C" AS s FROM unnest(p_streams) s ORDER BY s LOOP
    PERFORM FROM @.streams s WHERE s.ns = p_ns AND s.stream = one FOR UPDATE;
  END LOOP;
END
$body$;`

/**
 * Appends in the order given. \`place\` is the entry's, from 1; \`state\` is kept, known (its id was there) or full (refused).
 * \`p_bytes\` holds the bodies one after another: they travel as they are, where an array of them would travel in hexadecimal.
 */
export const append = `
CREATE FUNCTION @.append(
  p_ns text, p_max integer, p_refuse boolean, p_now bigint[], p_streams text[], p_ids text[], p_names text[], p_keys text[],
  p_retain boolean[], p_expires bigint[], p_receipts text[], p_sizes integer[], p_bytes bytea)
RETURNS TABLE (place integer, state text, sequence bigint, previous bigint)
LANGUAGE plpgsql AS $body$
DECLARE
  one record;
  at_stream text COLLATE "C";
  row_head bigint;
  row_floor bigint;
  row_queued integer;
  dropped_to bigint;
  oldest bigint;
  seqs bigint[];
BEGIN
  INSERT INTO @.streams (ns, stream)
    SELECT p_ns, s FROM (SELECT DISTINCT s COLLATE "C" AS s FROM unnest(p_streams) s) d ORDER BY s ON CONFLICT DO NOTHING;
  PERFORM @.lock_streams(p_ns, p_streams);
  -- Sequences are drawn in the order given; then the entries are taken stream by stream.
  FOR one IN
    SELECT * FROM (
      SELECT e.*, nextval('@.entries_seq') AS seq, sum(e.size) OVER (ORDER BY e.n) - e.size AS skip
      FROM unnest(p_now, p_streams, p_ids, p_names, p_keys, p_retain, p_expires, p_receipts, p_sizes)
        WITH ORDINALITY AS e (now, stream, id, name, key, retain, expires, receipt, size, n)
      OFFSET 0) drawn
    ORDER BY drawn.stream COLLATE "C", drawn.n
  LOOP
    IF at_stream IS DISTINCT FROM one.stream THEN
      UPDATE @.streams s SET head = row_head, floor = row_floor, queued = row_queued WHERE s.ns = p_ns AND s.stream = at_stream;
      at_stream := one.stream;
      dropped_to := 0;
      SELECT s.head, s.floor, s.queued INTO row_head, row_floor, row_queued
        FROM @.streams s WHERE s.ns = p_ns AND s.stream = at_stream;
    END IF;
    place := one.n;
    SELECT e.seq, e.prev INTO sequence, previous FROM @.entries e WHERE e.ns = p_ns AND e.id = one.id AND e.stream = at_stream;
    IF FOUND THEN
      state := 'known';
      RETURN NEXT;
      CONTINUE;
    END IF;
    seqs := '{}';
    IF one.key IS NOT NULL THEN
      seqs := ARRAY(SELECT e.seq FROM @.entries e
        WHERE e.ns = p_ns AND e.stream = at_stream AND e.name = one.name AND e.replace_key = one.key);
    END IF;
    IF p_refuse AND row_queued - cardinality(seqs) >= p_max THEN
      state := 'full';
      RETURN NEXT;
      CONTINUE;
    END IF;
    FOREACH oldest IN ARRAY seqs LOOP
      row_queued := row_queued - @.end_entry(p_ns, at_stream, oldest, 'replaced', one.now);
    END LOOP;
    IF one.retain THEN
      UPDATE @.entries e SET retain = false
        WHERE e.ns = p_ns AND e.stream = at_stream AND e.name = one.name AND e.replace_key IS NOT DISTINCT FROM one.key AND e.retain;
      dropped_to := 0; -- what was state may be the oldest now
    END IF;
    IF row_queued >= p_max THEN
      -- From where the last one went: what this transaction has deleted is still in the way of its scans.
      SELECT e.seq INTO oldest FROM @.entries e
        WHERE e.ns = p_ns AND e.stream = at_stream AND e.seq > dropped_to AND NOT e.retain ORDER BY e.seq LIMIT 1;
      IF FOUND THEN
        dropped_to := oldest;
      ELSE
        SELECT e.seq INTO oldest FROM @.entries e WHERE e.ns = p_ns AND e.stream = at_stream ORDER BY e.seq LIMIT 1;
      END IF;
      IF oldest IS NOT NULL THEN
        row_floor := greatest(row_floor, oldest);
        row_queued := row_queued - @.end_entry(p_ns, at_stream, oldest, 'dropped', one.now);
      END IF;
    END IF;
    INSERT INTO @.entries (ns, stream, seq, prev, id, name, replace_key, retain, kept_at, expires_at, receipt_to, bytes)
      VALUES (p_ns, at_stream, one.seq, row_head, one.id, one.name, one.key, one.retain, one.now, one.expires, one.receipt,
        substring(p_bytes FROM one.skip::integer + 1 FOR one.size));
    state := 'kept';
    sequence := one.seq;
    previous := row_head;
    row_head := one.seq;
    row_queued := row_queued + 1;
    RETURN NEXT;
  END LOOP;
  UPDATE @.streams s SET head = row_head, floor = row_floor, queued = row_queued WHERE s.ns = p_ns AND s.stream = at_stream;
END
$body$;`

/** What devices are done with: \`[{device, now, cursors: {stream: sequence}, outcomes: [{id, state, error}]}]\`, an id at most once a device. */
export const acknowledge = `
CREATE FUNCTION @.acknowledge(p_ns text, p_acks jsonb) RETURNS void
LANGUAGE plpgsql AS $body$
DECLARE
  ack jsonb;
  its_device text;
  its_own text;
  its_now bigint;
  at_stream text;
  at_seq bigint;
  its_head bigint;
  gone integer;
BEGIN
  PERFORM @.lock_streams(p_ns, ARRAY(SELECT 'device:' || (a ->> 'device') FROM jsonb_array_elements(p_acks) a));
  FOR its_device IN SELECT DISTINCT (a ->> 'device') COLLATE "C" AS d FROM jsonb_array_elements(p_acks) a ORDER BY d LOOP
    PERFORM FROM @.cursors c WHERE c.ns = p_ns AND c.device = its_device AND c.stream = 'device:' || its_device FOR UPDATE;
  END LOOP;
  FOR ack IN SELECT a FROM jsonb_array_elements(p_acks) a LOOP
    its_device := ack ->> 'device';
    its_own := 'device:' || its_device;
    its_now := ack ->> 'now';
    INSERT INTO @.outcomes AS o (ns, id, device, state, at, error, forget_at)
      SELECT p_ns, x.id, its_device, x.state, its_now, x.error, its_now + 86400000
      FROM jsonb_to_recordset(ack -> 'outcomes') AS x (id text, state text, error text)
      ON CONFLICT (ns, id, device) DO UPDATE SET state = excluded.state, at = excluded.at, error = excluded.error;
    FOR at_stream, at_seq IN SELECT w.key, w.value::bigint FROM jsonb_each_text(ack -> 'cursors') w ORDER BY w.key COLLATE "C" LOOP
      SELECT s.head INTO its_head FROM @.streams s WHERE s.ns = p_ns AND s.stream = at_stream;
      UPDATE @.cursors c SET seq = least(at_seq, coalesce(its_head, 0))
        WHERE c.ns = p_ns AND c.device = its_device AND c.stream = at_stream AND c.seq < at_seq;
      IF NOT FOUND OR at_stream <> its_own THEN CONTINUE; END IF;
      WITH done AS (
        DELETE FROM @.entries e WHERE e.ns = p_ns AND e.stream = its_own AND e.seq <= at_seq AND NOT e.retain RETURNING e.id, e.expires_at
      ), told AS (
        INSERT INTO @.outcomes (ns, id, device, state, at, forget_at)
        SELECT p_ns, done.id, its_device, 'handled', its_now, done.expires_at + 3600000 FROM done ON CONFLICT DO NOTHING
      )
      SELECT count(*) INTO gone FROM done;
      UPDATE @.streams s SET queued = s.queued - gone WHERE s.ns = p_ns AND s.stream = its_own AND gone > 0;
    END LOOP;
  END LOOP;
END
$body$;`

/** Deletes at most \`p_limit\` of what is past its time; \`looked\` says how many it had found, \`deleted\` how many were still there. */
export const expire = `
CREATE FUNCTION @.expire(p_now bigint, p_limit integer, OUT looked integer, OUT deleted integer)
LANGUAGE plpgsql AS $body$
DECLARE
  found_ns text[];
  found_streams text[];
  found_seqs bigint[];
  one record;
  gone integer;
BEGIN
  SELECT coalesce(array_agg(e.ns), '{}'), coalesce(array_agg(e.stream), '{}'), coalesce(array_agg(e.seq), '{}')
    INTO found_ns, found_streams, found_seqs
    FROM (SELECT x.ns, x.stream, x.seq FROM @.entries x WHERE x.expires_at <= p_now ORDER BY x.expires_at LIMIT p_limit) e;
  looked := cardinality(found_seqs);
  deleted := 0;
  FOR one IN SELECT u.n, array_agg(u.t) AS streams FROM unnest(found_ns, found_streams) u (n, t) GROUP BY u.n ORDER BY u.n COLLATE "C" LOOP
    PERFORM @.lock_streams(one.n, one.streams);
  END LOOP;
  FOR one IN
    SELECT u.n, u.t, array_agg(u.q) AS seqs FROM unnest(found_ns, found_streams, found_seqs) u (n, t, q) GROUP BY u.n, u.t
  LOOP
    SELECT sum(@.end_entry(one.n, one.t, q, 'expired', p_now)) INTO gone FROM unnest(one.seqs) q;
    UPDATE @.streams s SET queued = s.queued - gone WHERE s.ns = one.n AND s.stream = one.t AND gone > 0;
    deleted := deleted + gone;
  END LOOP;
END
$body$;`

/** Registers a device; NULL groups = as they are. Its own row is locked first, so that two enrolments follow one another. */
export const enroll = `
CREATE FUNCTION @.enroll(p_ns text, p_device text, p_groups text[], OUT groups text[], OUT changed boolean)
LANGUAGE plpgsql AS $body$
DECLARE
  fresh integer;
  former text[];
  wanted text[];
  gone integer;
BEGIN
  INSERT INTO @.cursors (ns, device, stream, seq) VALUES (p_ns, p_device, 'device:' || p_device, 0) ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS fresh = ROW_COUNT;
  PERFORM FROM @.cursors c WHERE c.ns = p_ns AND c.device = p_device AND c.stream = 'device:' || p_device FOR UPDATE;
  SELECT coalesce(array_agg(c.stream ORDER BY c.stream), '{}') INTO former
    FROM @.cursors c WHERE c.ns = p_ns AND c.device = p_device AND c.stream LIKE 'group:%';
  wanted := CASE WHEN p_groups IS NULL THEN former ELSE ARRAY(SELECT 'group:' || g FROM unnest(p_groups) WITH ORDINALITY u (g, n) ORDER BY n) END;
  INSERT INTO @.cursors (ns, device, stream, seq)
    SELECT p_ns, p_device, w.stream, coalesce((SELECT s.head FROM @.streams s WHERE s.ns = p_ns AND s.stream = w.stream), 0)
    FROM unnest('all'::text || wanted) w (stream) ON CONFLICT DO NOTHING;
  DELETE FROM @.cursors c WHERE c.ns = p_ns AND c.device = p_device AND c.stream LIKE 'group:%' AND c.stream <> ALL (wanted);
  GET DIAGNOSTICS gone = ROW_COUNT;
  groups := ARRAY(SELECT substr(w, 7) FROM unnest(wanted) WITH ORDINALITY u (w, n) ORDER BY n);
  changed := fresh = 0 AND (gone > 0 OR NOT wanted <@ former);
END
$body$;`

/** Deletes outcomes and handled ids past their time, some thousand at once; what another instance holds is left for the next time. */
export const forget = `
CREATE FUNCTION @.forget(p_now bigint, p_limit integer) RETURNS integer
LANGUAGE sql AS $body$
  WITH outcomes AS (
    DELETE FROM @.outcomes WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM @.outcomes WHERE forget_at <= p_now LIMIT p_limit FOR UPDATE SKIP LOCKED)) RETURNING 1
  ), settled AS (
    DELETE FROM @.settled WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM @.settled WHERE forget_at <= p_now LIMIT p_limit FOR UPDATE SKIP LOCKED)) RETURNING 1
  )
  SELECT greatest((SELECT count(*) FROM outcomes), (SELECT count(*) FROM settled))::integer
$body$;`
