-- Which of the columns that variants ask for exist, in pg_catalog or in the views of pg_stat_statements.
SELECT c.relname || '.' || a.attname AS column_name
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relname = ANY (%(relations)s::pg_catalog.text[])
  AND (
    c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace
    OR EXISTS (
      SELECT
      FROM pg_catalog.pg_depend AS d
      JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
      WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
        AND d.objid = c.oid
        AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
        AND d.deptype = 'e'
        AND e.extname = 'pg_stat_statements'
    )
  )
