-- type: TypeAttribute
-- also: type_oid
SELECT
  t.oid AS type_oid,
  a.attname::pg_catalog.text AS name,
  pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
  CASE
    WHEN l.oid IS NULL OR l.collname = 'default' THEN NULL
    WHEN l.collnamespace = 'pg_catalog'::pg_catalog.regnamespace THEN pg_catalog.quote_ident(l.collname)
    ELSE pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(l.collname)
  END AS collation
FROM pg_catalog.pg_type AS t
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation
LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = l.collnamespace
WHERE t.oid = ANY (%(oids)s::pg_catalog.oid[])
ORDER BY t.oid, a.attnum
