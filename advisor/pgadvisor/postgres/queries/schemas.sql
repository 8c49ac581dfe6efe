-- Which of the schemas named in the configuration exist.
SELECT n.nspname::pg_catalog.text AS name
FROM pg_catalog.pg_namespace AS n
WHERE n.nspname = ANY (%(schemas)s::pg_catalog.text[])
