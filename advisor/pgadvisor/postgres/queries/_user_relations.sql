-- The relations that belong to the audited schemas. Left out: the system's, an extension's, and temporary ones.
  SELECT c.oid, n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name, c.relkind AS kind
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f')
    AND c.relpersistence <> 't'
    AND n.nspname <> 'information_schema'
    AND NOT pg_catalog.starts_with(n.nspname::pg_catalog.text, 'pg_')
    AND (%(schemas)s::pg_catalog.text[] = '{{}}' OR n.nspname = ANY (%(schemas)s::pg_catalog.text[]))
    AND n.nspname <> ALL (%(exclude_schemas)s::pg_catalog.text[])
    AND NOT EXISTS (
      SELECT
      FROM pg_catalog.pg_depend AS d
      WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e'
    )
