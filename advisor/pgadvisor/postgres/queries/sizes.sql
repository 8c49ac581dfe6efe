-- type: RelationSize
-- total_bytes leaves out the indexes of a table, which are asked for on their own: pg_total_relation_size opens them again,
-- and takes several times as long.
-- These functions lock: only for relations that nobody holds or wants ACCESS EXCLUSIVE, few at a time.
SELECT sizes.oid, sizes.main_bytes, sizes.total_bytes
FROM (
  SELECT
    c.oid,
    pg_catalog.pg_relation_size(c.oid) AS main_bytes,
    pg_catalog.pg_table_size(c.oid) AS total_bytes
  FROM pg_catalog.unnest(%(oids)s::pg_catalog.oid[]) AS c (oid)
) AS sizes
-- What has been dropped in the meantime has no size.
WHERE sizes.main_bytes IS NOT NULL AND sizes.total_bytes IS NOT NULL
