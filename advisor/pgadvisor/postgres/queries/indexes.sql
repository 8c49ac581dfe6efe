-- type: Index
-- without: definition, complete
-- also: table, access_method, unique, nulls_not_distinct, options, tablespace, has_expressions, has_predicate
WITH user_relations AS (
{user_relations}
),
constraints AS (
  -- One index may serve more than one constraint; the constraint that it enforces is unique, primary or exclusion.
  SELECT con.conindid, pg_catalog.min(con.oid::pg_catalog.int8)::pg_catalog.oid AS oid
  FROM pg_catalog.pg_constraint AS con
  WHERE con.contype IN ('p', 'u', 'x')
  GROUP BY con.conindid
),
building AS (
  SELECT p.pid, p.index_relid
  FROM pg_catalog.pg_stat_progress_create_index AS p
  WHERE p.datname = pg_catalog.current_database()
)
SELECT
  x.indexrelid AS oid,
  x.indrelid AS table_oid,
  r.schema,
  i.relname::pg_catalog.text AS name,
  r.name AS "table",
  am.amname::pg_catalog.text AS access_method,
  x.indisunique AS "unique",
  {nulls_not_distinct} AS nulls_not_distinct,
  coalesce(i.reloptions, '{{}}') AS options,
  t.spcname::pg_catalog.text AS tablespace,
  x.indexprs IS NOT NULL AS has_expressions,
  x.indpred IS NOT NULL AS has_predicate,
  x.indisprimary AS "primary",
  x.indisexclusion AS exclusion,
  x.indimmediate AS immediate,
  x.indisclustered AS clustered,
  x.indisvalid AS valid,
  x.indisready AS ready,
  x.indislive AS live,
  x.indisreplident AS replica_identity,
  constraints.oid AS constraint_oid,
  h.inhparent AS parent_oid,
  EXISTS (
    SELECT
    FROM building AS b
    WHERE b.index_relid = x.indexrelid
      -- To a role that may not see whose progress it is, the locks of that session still tell.
      OR (
        b.index_relid IS NULL
        AND NOT x.indisvalid
        AND EXISTS (
          SELECT
          FROM pg_catalog.pg_locks AS l
          WHERE l.pid = b.pid AND l.locktype = 'relation' AND l.relation = x.indrelid
            AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
        )
      )
  ) AS being_built,
  greatest(i.relpages, 0) AS pages,
  CASE
    WHEN i.reltuples < 0 THEN NULL
    WHEN i.reltuples = 0 AND i.relpages = 0 THEN NULL
    ELSE i.reltuples::pg_catalog.float8
  END AS row_count
FROM user_relations AS r
JOIN pg_catalog.pg_index AS x ON x.indrelid = r.oid
JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid
JOIN pg_catalog.pg_am AS am ON am.oid = i.relam
LEFT JOIN pg_catalog.pg_tablespace AS t ON t.oid = i.reltablespace
LEFT JOIN constraints ON constraints.conindid = x.indexrelid
LEFT JOIN pg_catalog.pg_inherits AS h ON h.inhrelid = x.indexrelid
ORDER BY x.indexrelid
