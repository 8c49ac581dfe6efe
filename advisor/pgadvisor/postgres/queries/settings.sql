-- type: Setting
-- Texts can hold secrets (connection strings, commands, an application's own settings), so only these are read.
-- What this session has set itself shows the value it found.
SELECT
  s.name,
  CASE WHEN s.source = 'session' THEN s.reset_val ELSE s.setting END AS value,
  s.unit,
  CASE
    WHEN s.source <> 'session' THEN s.source
    WHEN s.reset_val = s.boot_val THEN 'default'
    ELSE 'session default'
  END AS source,
  s.boot_val AS "default"
FROM pg_catalog.pg_settings AS s
WHERE s.setting IS NOT NULL
  AND (
    (s.vartype <> 'string' AND s.category <> 'Customized Options')
    OR s.name IN (
      'DateStyle', 'TimeZone', 'default_table_access_method', 'default_tablespace', 'lc_collate', 'lc_ctype',
      'lc_messages', 'lc_monetary', 'lc_numeric', 'lc_time', 'search_path', 'server_encoding', 'server_version',
      'session_preload_libraries', 'shared_preload_libraries', 'temp_tablespaces'
    )
    OR pg_catalog.split_part(s.name, '.', 1) IN ('auto_explain', 'hypopg', 'pg_stat_statements')
  )
ORDER BY s.name COLLATE "C"
