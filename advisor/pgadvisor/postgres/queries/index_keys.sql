-- type: IndexKey
-- without: expression
-- also: index_oid, included
WITH user_relations AS (
{user_relations}
)
SELECT
  x.indexrelid AS index_oid,
  k.position > x.indnkeyatts AS included,
  a.attname::pg_catalog.text AS "column",
  coalesce(
    CASE WHEN oc.opcnamespace = 'pg_catalog'::pg_catalog.regnamespace THEN ''
      ELSE pg_catalog.quote_ident(ocn.nspname) || '.' END || pg_catalog.quote_ident(oc.opcname),
    ''
  ) AS operator_class,
  coalesce(oc.opcdefault AND exact.oid IS NULL, true) AS default_operator_class,
  coalesce(ia.attoptions, '{{}}') AS operator_class_options,
  CASE
    WHEN l.oid IS NULL THEN NULL
    WHEN l.collnamespace = 'pg_catalog'::pg_catalog.regnamespace THEN pg_catalog.quote_ident(l.collname)
    ELSE pg_catalog.quote_ident(ln.nspname) || '.' || pg_catalog.quote_ident(l.collname)
  END AS collation,
  -- What CREATE INDEX takes without COLLATE: the column's own; of an expression at least its type's.
  coalesce(k.collation_oid = 0 OR k.collation_oid = coalesce(a.attcollation, ty.typcollation), true) AS default_collation,
  coalesce(k.flags & 1 <> 0, false) AS descending,
  coalesce(k.flags & 2 <> 0, false) AS nulls_first
FROM user_relations AS r
JOIN pg_catalog.pg_index AS x ON x.indrelid = r.oid
CROSS JOIN LATERAL ROWS FROM (
  pg_catalog.unnest(x.indkey::pg_catalog.int2[]),
  pg_catalog.unnest(x.indclass::pg_catalog.oid[]),
  pg_catalog.unnest(x.indcollation::pg_catalog.oid[]),
  pg_catalog.unnest(x.indoption::pg_catalog.int2[])
) WITH ORDINALITY AS k (number, class, collation_oid, flags, position)
JOIN pg_catalog.pg_attribute AS ia ON ia.attrelid = x.indexrelid AND ia.attnum = k.position
-- With the number as a condition of its own: else all columns of the relation are read for each key.
LEFT JOIN LATERAL (
  SELECT at.attname, at.attcollation, at.atttypid
  FROM pg_catalog.pg_attribute AS at
  WHERE at.attrelid = x.indrelid AND at.attnum = k.number
  OFFSET 0
) AS a ON k.number <> 0
LEFT JOIN pg_catalog.pg_type AS ty ON ty.oid = coalesce(a.atttypid, ia.atttypid)
LEFT JOIN pg_catalog.pg_opclass AS oc ON oc.oid = k.class
-- text_ops on a citext column: a default, but of another type. The exact match is the column's default.
LEFT JOIN pg_catalog.pg_opclass AS exact
  ON exact.opcmethod = oc.opcmethod
  AND exact.opcdefault
  AND exact.opcintype = CASE WHEN ty.typtype = 'd' THEN ty.typbasetype ELSE ty.oid END
  AND exact.opcintype <> oc.opcintype
LEFT JOIN pg_catalog.pg_namespace AS ocn ON ocn.oid = oc.opcnamespace
LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = k.collation_oid
LEFT JOIN pg_catalog.pg_namespace AS ln ON ln.oid = l.collnamespace
ORDER BY x.indexrelid, k.position
