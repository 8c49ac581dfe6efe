  NULL::pg_catalog.float8 AS session_ms,
  NULL::pg_catalog.float8 AS active_ms,
  NULL::pg_catalog.float8 AS idle_in_transaction_ms,
  NULL::pg_catalog.int8 AS sessions,
  NULL::pg_catalog.int8 AS sessions_abandoned,
  NULL::pg_catalog.int8 AS sessions_fatal,
  NULL::pg_catalog.int8 AS sessions_killed
