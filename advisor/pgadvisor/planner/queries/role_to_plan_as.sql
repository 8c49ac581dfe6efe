-- Whether this session may become a role (privilege: MEMBER before 16, SET since), and whether that would give it rights
-- that it has not: a superuser's, of passing by policies, or of roles of the system that reach beyond the database.
SELECT r.rolname::pg_catalog.text AS name,
       pg_catalog.pg_has_role(me.oid, r.oid, %(privilege)s) AS may_set,
       r.rolsuper AS is_superuser,
       NOT me.rolsuper AND (
           r.rolsuper
           OR (r.rolbypassrls AND NOT me.rolbypassrls)
           OR EXISTS (
               SELECT
               FROM pg_catalog.pg_roles AS p
               WHERE p.oid < 16384
                 AND pg_catalog.starts_with(p.rolname::pg_catalog.text, 'pg_')
                 AND p.rolname <> 'pg_database_owner'
                 AND pg_catalog.pg_has_role(r.oid, p.oid, 'MEMBER')
                 AND NOT pg_catalog.pg_has_role(me.oid, p.oid, 'USAGE')
           )
       ) AS is_stronger
FROM pg_catalog.pg_roles AS r
CROSS JOIN pg_catalog.pg_roles AS me
WHERE r.oid = %(oid)s::pg_catalog.oid AND me.rolname = session_user
