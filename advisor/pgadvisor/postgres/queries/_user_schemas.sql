-- The audited schemas: never the system's, nor temporary ones; those of a managed service only where they are asked for
-- by name. The schema public is the users', whoever owns it.
  SELECT n.oid, n.nspname::pg_catalog.text AS name
  FROM pg_catalog.pg_namespace AS n
  WHERE n.nspname <> 'information_schema'
    AND NOT pg_catalog.starts_with(n.nspname::pg_catalog.text, 'pg_')
    AND (%(schemas)s::pg_catalog.text[] = '{{}}' OR n.nspname = ANY (%(schemas)s::pg_catalog.text[]))
    AND n.nspname <> ALL (%(exclude_schemas)s::pg_catalog.text[])
    AND (
      n.nspname = 'public'
      OR %(schemas)s::pg_catalog.text[] <> '{{}}'
      OR pg_catalog.pg_get_userbyid(n.nspowner) NOT IN {service_roles}
    )
