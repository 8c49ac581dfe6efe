-- What can have column statistics: relations with rows, and indexes on expressions. columns bounds how many rows of
-- pg_stats that makes. visible is told of indexes alone: the view shows their statistics to whom may read their columns,
-- which GRANT cannot give, so to the owner and to readers of all data. It does not mind row security of the table there;
-- we do.
WITH user_relations AS (
{user_relations}
)
SELECT
  r.oid,
  r.oid AS table_oid,
  r.schema,
  r.name,
  c.relnatts::pg_catalog.int4 AS columns,
  false AS is_index,
  true AS visible
FROM user_relations AS r
JOIN pg_catalog.pg_class AS c ON c.oid = r.oid
WHERE r.kind <> 'v'
UNION ALL
SELECT
  i.oid,
  r.oid,
  r.schema,
  i.relname::pg_catalog.text,
  i.relnatts::pg_catalog.int4,
  true,
  NOT EXISTS (
    SELECT
    FROM pg_catalog.unnest(x.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k (number, position)
    WHERE k.number = 0
      AND NOT pg_catalog.has_column_privilege(i.oid, k.position::pg_catalog.int2, 'SELECT')
  ) AND NOT (c.relrowsecurity AND pg_catalog.row_security_active(c.oid))
FROM user_relations AS r
JOIN pg_catalog.pg_index AS x ON x.indrelid = r.oid AND x.indexprs IS NOT NULL
JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid
JOIN pg_catalog.pg_class AS c ON c.oid = x.indrelid
ORDER BY schema, name
