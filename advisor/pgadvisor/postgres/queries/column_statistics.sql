-- type: PgStats
-- without: range_length_histogram, range_empty_fraction, range_bounds_histogram
WITH user_relations AS (
{user_relations}
)
SELECT
  r.oid AS relation_oid,
  s.attname::pg_catalog.text AS "column",
  s.inherited,
  s.null_frac::pg_catalog.float8 AS null_fraction,
  s.avg_width AS average_width_bytes,
  s.n_distinct::pg_catalog.float8 AS n_distinct,
  s.most_common_vals::pg_catalog.text AS most_common_vals,
  s.most_common_freqs::pg_catalog.text AS most_common_freqs,
  s.histogram_bounds::pg_catalog.text AS histogram,
  s.correlation::pg_catalog.float8 AS correlation,
  s.most_common_elems::pg_catalog.text AS most_common_elems,
  s.most_common_elem_freqs::pg_catalog.text AS most_common_elem_freqs,
  s.elem_count_histogram::pg_catalog.text AS elem_count_histogram
FROM user_relations AS r
JOIN pg_catalog.pg_stats AS s ON s.schemaname = r.schema AND s.tablename = r.name
WHERE r.kind <> 'v'
