-- type: Column
-- without: default, identity, generated, length_bytes, alignment, storage, compression, is_local
WITH user_relations AS (
{user_relations}
)
SELECT
  a.attrelid AS relation_oid,
  a.attnum::pg_catalog.int4 AS number,
  a.attname::pg_catalog.text AS name,
  pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
  t.oid AS type_oid,
  t.typname::pg_catalog.text AS type_name,
  t.typcategory::pg_catalog.text AS type_category,
  a.attnotnull AS not_null,
  CASE
    WHEN l.collname IS NULL OR l.collname = 'default' THEN NULL
    WHEN l.collnamespace = 'pg_catalog'::pg_catalog.regnamespace THEN pg_catalog.quote_ident(l.collname)
    ELSE pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(l.collname)
  END AS collation,
  a.atthasdef AND a.attgenerated = '' AS has_default,
  a.attidentity <> '' AS is_identity,
  a.attgenerated <> '' AS is_generated,
  CASE WHEN a.attstattarget >= 0 THEN a.attstattarget::pg_catalog.int4 END AS statistics_target,
  coalesce(a.attoptions, '{{}}') AS options
FROM user_relations AS r
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation
LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = l.collnamespace
ORDER BY a.attrelid, a.attnum
