-- type: Schema
WITH user_schemas AS (
{user_schemas}
)
SELECT n.oid, s.name, pg_catalog.pg_get_userbyid(n.nspowner)::pg_catalog.text AS owner
FROM user_schemas AS s
JOIN pg_catalog.pg_namespace AS n ON n.oid = s.oid
WHERE NOT EXISTS (
  SELECT
  FROM pg_catalog.pg_depend AS d
  WHERE d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.objid = n.oid AND d.deptype = 'e'
)
ORDER BY n.oid
