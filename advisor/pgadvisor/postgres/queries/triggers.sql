-- type: Trigger
-- without: definition
-- also: has_condition
WITH user_relations AS (
{user_relations}
)
SELECT
  t.oid,
  t.tgrelid AS relation_oid,
  t.tgname::pg_catalog.text AS name,
  t.tgenabled::pg_catalog.text AS enabled,
  CASE
    WHEN t.tgtype & 64 <> 0 THEN 'instead of'
    WHEN t.tgtype & 2 <> 0 THEN 'before'
    ELSE 'after'
  END AS timing,
  pg_catalog.array_remove(
    ARRAY[
      CASE WHEN t.tgtype & 4 <> 0 THEN 'insert' END,
      CASE WHEN t.tgtype & 16 <> 0 THEN 'update' END,
      CASE WHEN t.tgtype & 8 <> 0 THEN 'delete' END,
      CASE WHEN t.tgtype & 32 <> 0 THEN 'truncate' END
    ],
    NULL
  ) AS events,
  t.tgtype & 1 <> 0 AS for_each_row,
  ARRAY(
    SELECT a.attname::pg_catalog.text
    FROM pg_catalog.unnest(t.tgattr::pg_catalog.int2[]) WITH ORDINALITY AS k (number, position)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.tgrelid AND a.attnum = k.number
    ORDER BY k.position
  ) AS columns,
  t.tgfoid AS function_oid,
  nullif(t.tgparentid, 0) AS parent_oid,
  t.tgqual IS NOT NULL AS has_condition
FROM user_relations AS r
JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = r.oid
-- Before 15 the copies on partitions pass for internal as well; those that constraints made have an index.
WHERE NOT t.tgisinternal OR (t.tgparentid <> 0 AND t.tgconstrindid = 0)
ORDER BY t.oid
