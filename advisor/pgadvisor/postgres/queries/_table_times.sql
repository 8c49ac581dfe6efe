  NULL::pg_catalog.float8 AS vacuum_ms,
  NULL::pg_catalog.float8 AS autovacuum_ms,
  NULL::pg_catalog.float8 AS analyze_ms,
  NULL::pg_catalog.float8 AS autoanalyze_ms
