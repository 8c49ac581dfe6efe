-- These functions lock: only for relations that nobody holds or wants ACCESS EXCLUSIVE, few at a time.
-- expressions holds NULL for a plain column; texts are the server's own, with the parentheses it puts around.
SELECT
  x.indexrelid AS oid,
  ARRAY(
    SELECT CASE WHEN k.number = 0 THEN pg_catalog.pg_get_indexdef(x.indexrelid, k.position::pg_catalog.int4, false) END
    FROM pg_catalog.unnest(x.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k (number, position)
    WHERE k.position <= x.indnkeyatts
    ORDER BY k.position
  ) AS expressions,
  pg_catalog.pg_get_expr(x.indpred, x.indrelid) AS predicate
FROM pg_catalog.pg_index AS x
WHERE x.indexrelid = ANY (%(oids)s::pg_catalog.oid[])
