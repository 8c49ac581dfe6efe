-- The relations that belong to the audited schemas. Left out: an extension's, and temporary ones.
  SELECT c.oid, n.name AS schema, c.relname::pg_catalog.text AS name, c.relkind AS kind
  FROM pg_catalog.pg_class AS c
  JOIN (
{user_schemas}
  ) AS n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f')
    AND c.relpersistence <> 't'
    AND NOT EXISTS (
      SELECT
      FROM pg_catalog.pg_depend AS d
      WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e'
    )
