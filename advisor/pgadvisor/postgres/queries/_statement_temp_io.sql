  NULL::pg_catalog.float8 AS temp_read_ms,
  NULL::pg_catalog.float8 AS temp_write_ms
