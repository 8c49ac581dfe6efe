-- type: StatementRole
-- without: may_set, member_of
SELECT
  r.oid,
  r.rolname::pg_catalog.text AS name,
  r.rolsuper AS is_superuser,
  r.rolbypassrls AS bypasses_policies
FROM pg_catalog.pg_roles AS r
WHERE r.rolname = %(name)s
