-- type: Column
-- without: default
-- also: default_oid
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
  d.oid AS default_oid,
  a.attidentity <> '' AS is_identity,
  a.attidentity::pg_catalog.text AS identity,
  a.attgenerated <> '' AS is_generated,
  a.attgenerated::pg_catalog.text AS generated,
  CASE WHEN a.attstattarget >= 0 THEN a.attstattarget::pg_catalog.int4 END AS statistics_target,
  coalesce(a.attoptions, '{{}}') AS options,
  a.attlen::pg_catalog.int4 AS length_bytes,
  a.attalign::pg_catalog.text AS alignment,
  a.attstorage::pg_catalog.text AS storage,
  {compression} AS compression,
  a.attislocal AS is_local
FROM user_relations AS r
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation
LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = l.collnamespace
ORDER BY a.attrelid, a.attnum
