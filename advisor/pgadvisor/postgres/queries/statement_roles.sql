-- type: StatementRole
-- Of the roles in oids. may_set: the role that collects may become it.
SELECT
  r.oid,
  r.rolname::pg_catalog.text AS name,
  r.rolsuper AS is_superuser,
  r.rolbypassrls AS bypasses_policies,
  {may_set_role} AS may_set
FROM pg_catalog.pg_roles AS r
WHERE r.oid = ANY (%(oids)s::pg_catalog.oid[])
ORDER BY r.oid
