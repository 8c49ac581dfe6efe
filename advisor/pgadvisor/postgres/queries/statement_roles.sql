-- type: StatementRole
-- Of the roles in oids. may_set: the role that collects may become it. Of what a role is a member is
-- anybody's to see; a superuser has the rights of all.
SELECT
  r.oid,
  r.rolname::pg_catalog.text AS name,
  r.rolsuper AS is_superuser,
  r.rolbypassrls AS bypasses_policies,
  {may_set_role} AS may_set,
  ARRAY(
    SELECT g.rolname::pg_catalog.text
    FROM pg_catalog.pg_roles AS g
    WHERE g.oid <> r.oid AND NOT r.rolsuper AND pg_catalog.pg_has_role(r.oid, g.oid, 'USAGE')
    ORDER BY g.rolname
  ) AS member_of
FROM pg_catalog.pg_roles AS r
WHERE r.oid = ANY (%(oids)s::pg_catalog.oid[])
ORDER BY r.oid
