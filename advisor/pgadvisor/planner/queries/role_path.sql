-- The role's own search path, as set and as searched; and the server process that this transaction has.
SELECT pg_catalog.current_setting('search_path') AS search_path,
       pg_catalog.current_schemas(true)::pg_catalog.text[] AS schemas,
       pg_catalog.pg_backend_pid() AS pid
