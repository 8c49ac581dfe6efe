-- The roles that the current one is a member of, directly or through others.
WITH RECURSIVE member AS (
  SELECT m.roleid
  FROM pg_catalog.pg_auth_members AS m
  JOIN pg_catalog.pg_roles AS r ON r.oid = m.member
  WHERE r.rolname = CURRENT_USER
  UNION
  SELECT m.roleid
  FROM pg_catalog.pg_auth_members AS m
  JOIN member ON member.roleid = m.member
)
SELECT r.rolname::pg_catalog.text AS name
FROM member
JOIN pg_catalog.pg_roles AS r ON r.oid = member.roleid
ORDER BY name
