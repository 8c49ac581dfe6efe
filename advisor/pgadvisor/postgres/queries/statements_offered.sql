-- From the files of the server: its share of extensions, whether installed or not.
SELECT e.default_version AS version
FROM pg_catalog.pg_available_extensions() AS e
WHERE e.name = 'pg_stat_statements'
