-- The expression of a generated column mentions others, and is told by their names only with the relation, which is
-- locked for it: only where nobody holds or wants ACCESS EXCLUSIVE, few at a time. A default mentions none.
SELECT
  d.oid,
  pg_catalog.pg_get_expr(d.adbin, CASE WHEN a.attgenerated = '' THEN 0::pg_catalog.oid ELSE d.adrelid END) AS definition
FROM pg_catalog.pg_attrdef AS d
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
WHERE d.oid = ANY (%(oids)s::pg_catalog.oid[])
