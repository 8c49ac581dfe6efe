-- type: Collation
-- Those that columns of the audited relations, their indexes and user types have, and those in oids; "C" is one of them.
WITH user_relations AS (
{user_relations}
),
used AS (
  SELECT a.attcollation AS oid
  FROM user_relations AS r
  JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
  UNION
  SELECT k.oid
  FROM user_relations AS r
  JOIN pg_catalog.pg_index AS x ON x.indrelid = r.oid
  CROSS JOIN LATERAL pg_catalog.unnest(x.indcollation::pg_catalog.oid[]) AS k (oid)
  UNION
  SELECT t.typcollation FROM pg_catalog.pg_type AS t WHERE t.oid = ANY (%(type_oids)s::pg_catalog.oid[])
  UNION
  SELECT g.rngcollation FROM pg_catalog.pg_range AS g WHERE g.rngtypid = ANY (%(type_oids)s::pg_catalog.oid[])
  UNION
  SELECT pg_catalog.unnest(%(oids)s::pg_catalog.oid[])
)
SELECT
  l.oid,
  n.nspname::pg_catalog.text AS schema,
  l.collname::pg_catalog.text AS name,
  l.collprovider::pg_catalog.text AS provider,
  l.collisdeterministic AS deterministic,
  CASE WHEN l.collprovider = 'c' THEN l.collcollate::pg_catalog.text END AS collate,
  CASE WHEN l.collprovider = 'c' THEN l.collctype::pg_catalog.text END AS ctype,
  {collation_locale} AS locale
FROM used
JOIN pg_catalog.pg_collation AS l ON l.oid = used.oid AND l.collprovider <> 'd'
JOIN pg_catalog.pg_namespace AS n ON n.oid = l.collnamespace
ORDER BY l.oid
