-- Roles whose functions may run with our rights: superusers, and whoever has our rights already. Nobody else: even a role
-- that may only read sees what others do not, and code that planning runs can tell on, or never end. And whom the user has
-- named as trusted.
SELECT owner.oid AS oid
FROM (
    SELECT p.proowner AS oid FROM pg_catalog.pg_proc AS p WHERE p.oid >= 16384
    UNION
    SELECT t.typowner FROM pg_catalog.pg_type AS t WHERE t.oid >= 16384 AND t.typtype = 'd'
) AS owners
JOIN pg_catalog.pg_roles AS owner ON owner.oid = owners.oid
JOIN pg_catalog.pg_roles AS me ON me.rolname = session_user
WHERE owner.rolsuper
   OR owner.rolname = ANY (%(named)s::pg_catalog.name[])
   OR pg_catalog.pg_has_role(owner.oid, me.oid, 'MEMBER')
