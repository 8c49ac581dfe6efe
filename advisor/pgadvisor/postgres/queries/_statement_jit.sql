  NULL::pg_catalog.int8 AS jit_functions,
  NULL::pg_catalog.float8 AS jit_ms
