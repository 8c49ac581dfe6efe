-- type: UserType
-- without: checks, attributes
-- also: has_checks, relation_oids
-- Of the audited schemas, and those in oids. relation_oids: what the CHECKs of a domain would lock, which take apart rows.
WITH RECURSIVE user_schemas AS (
{user_schemas}
),
bases AS (
  SELECT t.oid, t.typbasetype AS base_oid FROM pg_catalog.pg_type AS t WHERE t.typtype = 'd'
  UNION
  SELECT b.oid, t.typbasetype
  FROM bases AS b
  JOIN pg_catalog.pg_type AS t ON t.oid = b.base_oid AND t.typtype = 'd'
)
SELECT
  t.oid,
  n.nspname::pg_catalog.text AS schema,
  t.typname::pg_catalog.text AS name,
  CASE t.typtype
    WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'c' THEN 'composite' WHEN 'r' THEN 'range' ELSE 'base'
  END AS kind,
  pg_catalog.pg_get_userbyid(t.typowner)::pg_catalog.text AS owner,
  ARRAY(
    SELECT e.enumlabel::pg_catalog.text
    FROM pg_catalog.pg_enum AS e
    WHERE e.enumtypid = t.oid
    ORDER BY e.enumsortorder
  ) AS labels,
  CASE WHEN t.typtype = 'd' THEN pg_catalog.format_type(t.typbasetype, t.typtypmod) END AS base_type,
  t.typtype = 'd' AND t.typnotnull AS not_null,
  CASE WHEN t.typtype = 'd' THEN t.typdefault END AS "default",
  pg_catalog.format_type(g.rngsubtype, NULL) AS subtype,
  CASE
    WHEN l.oid IS NULL OR l.collname = 'default' THEN NULL
    WHEN l.collnamespace = 'pg_catalog'::pg_catalog.regnamespace THEN pg_catalog.quote_ident(l.collname)
    ELSE pg_catalog.quote_ident(ln.nspname) || '.' || pg_catalog.quote_ident(l.collname)
  END AS collation,
  EXISTS (
    SELECT FROM pg_catalog.pg_constraint AS con WHERE con.contypid = t.oid AND con.contype = 'c'
  ) AS has_checks,
  ARRAY(
    SELECT bt.typrelid
    FROM bases AS b
    JOIN pg_catalog.pg_type AS bt ON bt.oid = b.base_oid
    WHERE b.oid = t.oid AND bt.typrelid <> 0
    UNION
    SELECT d.refobjid
    FROM pg_catalog.pg_constraint AS con
    JOIN pg_catalog.pg_depend AS d
      ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.objid = con.oid
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    WHERE con.contypid = t.oid
  ) AS relation_oids
FROM pg_catalog.pg_type AS t
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_class AS c ON c.oid = t.typrelid
LEFT JOIN pg_catalog.pg_range AS g ON g.rngtypid = t.oid
LEFT JOIN pg_catalog.pg_type AS base ON base.oid = t.typbasetype
-- A domain's own collation, a range's that it sorts by.
LEFT JOIN pg_catalog.pg_collation AS l
  ON l.oid = CASE WHEN t.typtype = 'r' THEN g.rngcollation WHEN t.typcollation <> base.typcollation THEN t.typcollation END
LEFT JOIN pg_catalog.pg_namespace AS ln ON ln.oid = l.collnamespace
WHERE t.typtype IN ('e', 'd', 'c', 'r', 'b')
  AND t.typisdefined
  AND (t.typrelid = 0 OR c.relkind = 'c')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_type AS element WHERE element.typarray = t.oid)
  AND (n.oid IN (SELECT s.oid FROM user_schemas AS s) OR t.oid = ANY (%(oids)s::pg_catalog.oid[]))
  AND t.oid >= 16384
  AND NOT EXISTS (
    SELECT
    FROM pg_catalog.pg_depend AS d
    WHERE d.deptype = 'e'
      AND (
        (d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.objid = t.oid)
        OR (d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = t.typrelid)
      )
  )
ORDER BY t.oid
