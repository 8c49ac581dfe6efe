-- Types by oid, as they are written, and whether they are arrays.
SELECT t.oid AS oid, pg_catalog.format_type(t.oid, NULL) AS name, t.typcategory = 'A' AS is_array
FROM pg_catalog.pg_type AS t
WHERE t.oid = ANY (%(oids)s::pg_catalog.oid[])
