-- type: RewriteRule
-- Those of the audited relations, but for the one that makes a view what it is.
WITH user_relations AS (
{user_relations}
)
SELECT
  w.oid,
  w.ev_class AS relation_oid,
  w.rulename::pg_catalog.text AS name,
  CASE w.ev_type WHEN '2' THEN 'update' WHEN '3' THEN 'insert' ELSE 'delete' END AS event,
  w.is_instead,
  w.ev_enabled::pg_catalog.text AS enabled
FROM user_relations AS r
JOIN pg_catalog.pg_rewrite AS w ON w.ev_class = r.oid
WHERE w.ev_type <> '1'
ORDER BY w.oid
