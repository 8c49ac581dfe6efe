-- The databases of the server that can be connected to, without templates and those that a managed service keeps for
-- itself. A connection limit of -2 marks one whose DROP was cut short.
SELECT
  d.oid,
  d.datname::pg_catalog.text AS name,
  CURRENT_USER::pg_catalog.text AS role,
  d.datname = pg_catalog.current_database() AS is_current,
  d.datname = pg_catalog.current_database() OR pg_catalog.has_database_privilege(d.oid, 'CONNECT') AS may_connect
FROM pg_catalog.pg_database AS d
WHERE d.datname = pg_catalog.current_database()
  OR (
    d.datallowconn
    AND NOT d.datistemplate
    AND d.datconnlimit <> -2
    AND d.datname NOT IN {service_databases}
  )
ORDER BY name
