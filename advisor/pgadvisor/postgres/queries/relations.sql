-- type: Relation
-- without: definition, partition_key, partition_bound
WITH user_relations AS (
{user_relations}
),
parents AS (
  SELECT i.inhrelid, pg_catalog.array_agg(i.inhparent ORDER BY i.inhseqno) AS oids
  FROM pg_catalog.pg_inherits AS i
  GROUP BY i.inhrelid
)
SELECT
  c.oid,
  r.schema,
  r.name,
  CASE r.kind
    WHEN 'r' THEN 'table'
    WHEN 'p' THEN 'partitioned table'
    WHEN 'm' THEN 'materialized view'
    WHEN 'v' THEN 'view'
    ELSE 'foreign table'
  END AS kind,
  pg_catalog.pg_get_userbyid(c.relowner)::pg_catalog.text AS owner,
  c.relpersistence::pg_catalog.text AS persistence,
  CASE
    WHEN r.kind = 'v' OR c.reltuples < 0 THEN NULL
    -- Before 14 a relation that was never looked at has zero rows.
    WHEN c.reltuples = 0 AND c.relpages = 0
      AND pg_catalog.current_setting('server_version_num')::pg_catalog.int4 < 140000 THEN NULL
    ELSE c.reltuples::pg_catalog.float8
  END AS row_count,
  greatest(c.relpages, 0) AS pages,
  c.relallvisible AS all_visible_pages,
  parents.oids[1] AS parent_oid,
  coalesce(parents.oids, '{{}}') AS parents,
  c.relispartition AS is_partition,
  CASE p.partstrat WHEN 'l' THEN 'list' WHEN 'r' THEN 'range' WHEN 'h' THEN 'hash' END AS partition_strategy,
  ARRAY(
    SELECT a.attname::pg_catalog.text
    FROM pg_catalog.unnest(p.partattrs::pg_catalog.int2[]) WITH ORDINALITY AS k (number, position)
    LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.number
    ORDER BY k.position
  ) AS partition_columns,
  coalesce(c.reloptions, '{{}}') AS options,
  c.relreplident::pg_catalog.text AS replica_identity,
  c.relrowsecurity AS row_security,
  c.relforcerowsecurity AS force_row_security,
  t.spcname::pg_catalog.text AS tablespace,
  am.amname::pg_catalog.text AS access_method,
  c.relispopulated AS is_populated,
  nullif(c.reltype, 0) AS row_type_oid,
  fs.srvname::pg_catalog.text AS foreign_server,
  -- Zero where a relation has no rows of its own: a view, a partitioned table.
  CASE WHEN c.relfrozenxid <> '0' THEN pg_catalog.age(c.relfrozenxid) END AS frozen_xid_age,
  CASE WHEN c.relminmxid <> '0' THEN pg_catalog.mxid_age(c.relminmxid) END AS multixact_age,
  {all_frozen_pages} AS all_frozen_pages,
  coalesce(toast.reloptions, '{{}}') AS toast_options,
  toast.relpages AS toast_pages,
  CASE
    WHEN toast.reltuples < 0 THEN NULL
    WHEN toast.reltuples = 0 AND toast.relpages = 0
      AND pg_catalog.current_setting('server_version_num')::pg_catalog.int4 < 140000 THEN NULL
    ELSE toast.reltuples::pg_catalog.float8
  END AS toast_row_count,
  -- The conditions of the view pg_stats, for all columns.
  r.kind = 'v' OR (
    (
      pg_catalog.has_table_privilege(c.oid, 'SELECT')
      OR NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
          AND NOT pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')
      )
    )
    AND (NOT c.relrowsecurity OR NOT pg_catalog.row_security_active(c.oid))
  ) AS statistics_visible
FROM user_relations AS r
JOIN pg_catalog.pg_class AS c ON c.oid = r.oid
LEFT JOIN parents ON parents.inhrelid = c.oid
LEFT JOIN pg_catalog.pg_partitioned_table AS p ON p.partrelid = c.oid
LEFT JOIN pg_catalog.pg_tablespace AS t ON t.oid = c.reltablespace
LEFT JOIN pg_catalog.pg_am AS am ON am.oid = c.relam
LEFT JOIN pg_catalog.pg_class AS toast ON toast.oid = c.reltoastrelid
LEFT JOIN pg_catalog.pg_foreign_table AS ft ON ft.ftrelid = c.oid
LEFT JOIN pg_catalog.pg_foreign_server AS fs ON fs.oid = ft.ftserver
ORDER BY c.oid
