  NULL::pg_catalog.text AS range_length_histogram,
  NULL::pg_catalog.float8 AS range_empty_fraction,
  NULL::pg_catalog.text AS range_bounds_histogram
