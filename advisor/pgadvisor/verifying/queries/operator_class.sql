-- An operator class by its name, and whether it is the system's or an extension's: others call anybody's functions.
SELECT n.nspname::pg_catalog.text AS schema,
       n.nspname = 'pg_catalog' OR EXISTS (
           SELECT FROM pg_catalog.pg_depend AS d
           WHERE d.classid = 'pg_catalog.pg_opclass'::pg_catalog.regclass
             AND d.objid = o.oid
             AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
             AND d.deptype = 'e'
       ) AS installed
FROM pg_catalog.pg_opclass AS o
JOIN pg_catalog.pg_am AS a ON a.oid = o.opcmethod
JOIN pg_catalog.pg_namespace AS n ON n.oid = o.opcnamespace
WHERE a.amname = %(method)s
  AND o.opcname = %(name)s
  AND (%(schema)s::pg_catalog.text IS NULL OR n.nspname = %(schema)s)
