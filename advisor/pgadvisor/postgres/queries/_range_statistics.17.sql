-- needs: pg_stats.range_length_histogram
  s.range_length_histogram::pg_catalog.text AS range_length_histogram,
  s.range_empty_frac::pg_catalog.float8 AS range_empty_fraction,
  s.range_bounds_histogram::pg_catalog.text AS range_bounds_histogram
