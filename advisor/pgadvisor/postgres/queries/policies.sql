-- type: Policy
-- without: using, check
-- also: has_using, has_check
WITH user_relations AS (
{user_relations}
)
SELECT
  p.oid,
  p.polrelid AS relation_oid,
  p.polname::pg_catalog.text AS name,
  CASE p.polcmd
    WHEN 'r' THEN 'select'
    WHEN 'a' THEN 'insert'
    WHEN 'w' THEN 'update'
    WHEN 'd' THEN 'delete'
    ELSE 'all'
  END AS command,
  p.polpermissive AS permissive,
  ARRAY(
    SELECT pg_catalog.pg_get_userbyid(k.oid)::pg_catalog.text
    FROM pg_catalog.unnest(p.polroles) WITH ORDINALITY AS k (oid, position)
    WHERE k.oid <> 0
    ORDER BY k.position
  ) AS roles,
  p.polqual IS NOT NULL AS has_using,
  p.polwithcheck IS NOT NULL AS has_check
FROM user_relations AS r
JOIN pg_catalog.pg_policy AS p ON p.polrelid = r.oid
ORDER BY p.oid
