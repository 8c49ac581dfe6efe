-- The relations that a view or a policy mentions; they are locked while its text is made.
WITH user_relations AS (
{user_relations}
)
SELECT
  'view' AS kind,
  r.oid,
  pg_catalog.array_agg(DISTINCT d.refobjid) AS relation_oids
FROM user_relations AS r
JOIN pg_catalog.pg_rewrite AS w ON w.ev_class = r.oid
JOIN pg_catalog.pg_depend AS d
  ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = w.oid
  AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
WHERE r.kind IN ('v', 'm')
GROUP BY r.oid
UNION ALL
SELECT
  'policy' AS kind,
  p.oid,
  pg_catalog.array_agg(DISTINCT d.refobjid) AS relation_oids
FROM user_relations AS r
JOIN pg_catalog.pg_policy AS p ON p.polrelid = r.oid
JOIN pg_catalog.pg_depend AS d
  ON d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND d.objid = p.oid
  AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
GROUP BY p.oid
