-- Of a row s with a setting's name, vartype and category: whether its value is no secret. Texts can hold secrets
-- (connection strings, commands, an application's own settings), so of them only these pass.
  (s.vartype <> 'string' AND s.category <> 'Customized Options')
  OR s.name IN (
    'DateStyle', 'TimeZone', 'default_table_access_method', 'default_tablespace', 'default_text_search_config',
    'lc_collate', 'lc_ctype', 'lc_messages', 'lc_monetary', 'lc_numeric', 'lc_time', 'search_path', 'server_encoding',
    'server_version', 'session_preload_libraries', 'shared_preload_libraries', 'temp_tablespaces'
  )
  OR pg_catalog.split_part(s.name, '.', 1) IN ('auto_explain', 'hypopg', 'pg_stat_statements')
