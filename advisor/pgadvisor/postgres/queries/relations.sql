-- type: Relation
-- without: parents, definition, partition_key, partition_bound, access_method, force_row_security, is_populated, row_type_oid, foreign_server, frozen_xid_age, multixact_age, all_frozen_pages, toast_options, toast_pages, toast_row_count
WITH user_relations AS (
{user_relations}
),
parents AS (
  SELECT DISTINCT ON (i.inhrelid) i.inhrelid, i.inhparent
  FROM pg_catalog.pg_inherits AS i
  ORDER BY i.inhrelid, i.inhseqno
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
  parents.inhparent AS parent_oid,
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
  t.spcname::pg_catalog.text AS tablespace,
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
ORDER BY c.oid
