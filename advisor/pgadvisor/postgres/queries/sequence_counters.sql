-- type: SequenceCounters
WITH user_schemas AS (
{user_schemas}
)
SELECT
  c.oid AS sequence_oid,
  pg_catalog.pg_stat_get_blocks_fetched(c.oid) - pg_catalog.pg_stat_get_blocks_hit(c.oid) AS blocks_read,
  pg_catalog.pg_stat_get_blocks_hit(c.oid) AS blocks_hit
FROM user_schemas AS n
JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid
WHERE c.relkind = 'S'
  AND NOT EXISTS (
    SELECT
    FROM pg_catalog.pg_depend AS d
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e'
  )
ORDER BY c.oid
