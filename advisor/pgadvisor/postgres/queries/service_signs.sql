-- Which of the names that give away a managed service there are here.
SELECT 'role' AS kind, r.rolname::pg_catalog.text AS name
FROM pg_catalog.pg_roles AS r
WHERE r.rolname = ANY (%(names)s::pg_catalog.name[])
UNION ALL
SELECT 'database', d.datname::pg_catalog.text
FROM pg_catalog.pg_database AS d
WHERE d.datname = ANY (%(names)s::pg_catalog.name[])
UNION ALL
SELECT 'setting', s.name
FROM pg_catalog.pg_settings AS s
WHERE s.name = ANY (%(names)s::pg_catalog.text[])
UNION ALL
SELECT 'extension', e.extname::pg_catalog.text
FROM pg_catalog.pg_extension AS e
WHERE e.extname = ANY (%(names)s::pg_catalog.name[])
UNION ALL
SELECT 'function', p.proname::pg_catalog.text
FROM pg_catalog.pg_proc AS p
WHERE p.proname = ANY (%(names)s::pg_catalog.name[]) AND p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
ORDER BY kind, name
