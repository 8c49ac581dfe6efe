-- A check that takes apart the rows of a table locks that table: only for relations without a strong lock, few at a time.
SELECT
  con.contypid AS oid,
  -- NULL of what has just been dropped.
  pg_catalog.array_remove(
    pg_catalog.array_agg(pg_catalog.pg_get_constraintdef(con.oid) ORDER BY con.conname), NULL
  ) AS checks
FROM pg_catalog.pg_constraint AS con
WHERE con.contypid = ANY (%(oids)s::pg_catalog.oid[]) AND con.contype = 'c'
GROUP BY con.contypid
