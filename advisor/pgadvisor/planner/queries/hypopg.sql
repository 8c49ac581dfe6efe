-- The functions of the extension hypopg that are there, and the schema that they are in: those of the extension alone,
-- whatever else has their names.
SELECT n.nspname::pg_catalog.text AS schema,
       pg_catalog.array_agg(DISTINCT p.proname::pg_catalog.text ORDER BY p.proname::pg_catalog.text) AS functions
FROM pg_catalog.pg_extension AS e
JOIN pg_catalog.pg_depend AS d
  ON d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
 AND d.refobjid = e.oid
 AND d.deptype = 'e'
 AND d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
JOIN pg_catalog.pg_proc AS p ON p.oid = d.objid
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
WHERE e.extname = 'hypopg'
GROUP BY n.nspname
