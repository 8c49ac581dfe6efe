-- Types, functions, operators and collations of users that the audited relations use, in whatever schema, also through
-- operators, operator classes, casts, and types of types. stored: what is stored or checked depends on it (an index, a default, a
-- generated column, a constraint, a partition key, statistics), so that nobody can do without its definition.
WITH RECURSIVE user_relations AS (
{user_relations}
),
users AS (
  SELECT
    'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid AS classid,
    r.oid AS objid,
    r.kind = 'p' AS stored
  FROM user_relations AS r
  UNION ALL
  SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, x.indexrelid, true
  FROM user_relations AS r
  JOIN pg_catalog.pg_index AS x ON x.indrelid = r.oid
  UNION ALL
  SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, a.oid, true
  FROM user_relations AS r
  JOIN pg_catalog.pg_attrdef AS a ON a.adrelid = r.oid
  UNION ALL
  SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, con.oid, true
  FROM user_relations AS r
  JOIN pg_catalog.pg_constraint AS con ON con.conrelid = r.oid
  UNION ALL
  SELECT 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, s.oid, true
  FROM user_relations AS r
  JOIN pg_catalog.pg_statistic_ext AS s ON s.stxrelid = r.oid
  UNION ALL
  SELECT 'pg_catalog.pg_policy'::pg_catalog.regclass, p.oid, false
  FROM user_relations AS r
  JOIN pg_catalog.pg_policy AS p ON p.polrelid = r.oid
  UNION ALL
  SELECT 'pg_catalog.pg_trigger'::pg_catalog.regclass, t.oid, false
  FROM user_relations AS r
  JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = r.oid
  UNION ALL
  SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass, w.oid, false
  FROM user_relations AS r
  JOIN pg_catalog.pg_rewrite AS w ON w.ev_class = r.oid
),
followed AS (
  SELECT pg_catalog.unnest(ARRAY[
    'pg_catalog.pg_proc', 'pg_catalog.pg_type', 'pg_catalog.pg_operator', 'pg_catalog.pg_opclass',
    'pg_catalog.pg_opfamily', 'pg_catalog.pg_collation'
  ]::pg_catalog.regclass[])::pg_catalog.oid AS classid
),
seeds AS MATERIALIZED (
  SELECT DISTINCT
    d.refclassid AS classid,
    d.refobjid AS objid,
    -- Before 15 what a generated column calls hangs on the table itself.
    u.stored OR (
      d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
      AND d.refclassid IN ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass)
    ) AS stored
  FROM users AS u
  JOIN pg_catalog.pg_depend AS d ON d.classid = u.classid AND d.objid = u.objid
  -- What is below came with the system.
  WHERE d.refobjid >= 16384 AND d.refclassid IN (SELECT f.classid FROM followed AS f)
),
reached AS (
  SELECT s.classid, s.objid, s.stored FROM seeds AS s
  UNION
  SELECT below.classid, below.objid, r.stored OR below.stored
  FROM reached AS r
  CROSS JOIN LATERAL (
    SELECT d.refclassid, d.refobjid, false
    FROM pg_catalog.pg_depend AS d
    WHERE d.classid = r.classid AND d.objid = r.objid
      AND d.refobjid >= 16384
      AND d.refclassid IN (SELECT f.classid FROM followed AS f)
    UNION ALL
    -- A domain's CHECKs hold for all that is stored.
    SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, con.oid, true
    FROM pg_catalog.pg_constraint AS con
    WHERE r.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND con.contypid = r.objid
    UNION ALL
    -- What is in a composite type; a table's row type is its table's matter.
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, false
    FROM pg_catalog.pg_type AS t
    JOIN pg_catalog.pg_class AS c ON c.oid = t.typrelid
    WHERE r.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND t.oid = r.objid AND c.relkind = 'c'
    UNION ALL
    SELECT 'pg_catalog.pg_cast'::pg_catalog.regclass, c.oid, false
    FROM pg_catalog.pg_cast AS c
    WHERE r.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND r.objid IN (c.castsource, c.casttarget)
    UNION ALL
    SELECT 'pg_catalog.pg_amop'::pg_catalog.regclass, o.oid, false
    FROM pg_catalog.pg_amop AS o
    WHERE r.classid = 'pg_catalog.pg_opfamily'::pg_catalog.regclass AND o.amopfamily = r.objid
    UNION ALL
    SELECT 'pg_catalog.pg_amproc'::pg_catalog.regclass, o.oid, false
    FROM pg_catalog.pg_amproc AS o
    WHERE r.classid = 'pg_catalog.pg_opfamily'::pg_catalog.regclass AND o.amprocfamily = r.objid
  ) AS below (classid, objid, stored)
)
SELECT
  CASE r.classid
    WHEN 'pg_catalog.pg_type'::pg_catalog.regclass THEN 'type'
    WHEN 'pg_catalog.pg_proc'::pg_catalog.regclass THEN 'function'
    WHEN 'pg_catalog.pg_operator'::pg_catalog.regclass THEN 'operator'
    ELSE 'collation'
  END AS kind,
  r.objid AS oid,
  pg_catalog.bool_or(r.stored) AS stored
FROM reached AS r
WHERE r.classid IN (
  'pg_catalog.pg_type'::pg_catalog.regclass, 'pg_catalog.pg_proc'::pg_catalog.regclass,
  'pg_catalog.pg_operator'::pg_catalog.regclass, 'pg_catalog.pg_collation'::pg_catalog.regclass
)
GROUP BY r.classid, r.objid
ORDER BY kind, r.objid
