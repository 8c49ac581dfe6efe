-- Limits what a statement may put into temporary files, which only a superuser may; less stays less. Asked while the role's
-- own search path is searched, so operators are named in full.
SELECT pg_catalog.set_config('temp_file_limit', '1GB', true) AS temp_file_limit
FROM pg_catalog.pg_settings AS s
CROSS JOIN pg_catalog.pg_roles AS r
WHERE s.name OPERATOR(pg_catalog.=) 'temp_file_limit'
  AND NOT s.setting::pg_catalog.int8 OPERATOR(pg_catalog.<@) '[0,1048576]'::pg_catalog.int8range
  AND r.rolname OPERATOR(pg_catalog.=) current_user
  AND r.rolsuper
