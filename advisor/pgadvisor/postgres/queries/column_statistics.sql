-- type: PgStats
-- without: relation_oid
-- also: schema, relation
-- The view is a security barrier, into which a join on names does not reach but these comparisons do (both are leakproof):
-- it reads no more than what is asked for.
SELECT
  s.schemaname::pg_catalog.text AS schema,
  s.tablename::pg_catalog.text AS relation,
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
  s.elem_count_histogram::pg_catalog.text AS elem_count_histogram,
{range_statistics}
FROM pg_catalog.pg_stats AS s
WHERE s.schemaname = ANY (%(schema_names)s::pg_catalog.name[])
  AND s.tablename = ANY (%(relation_names)s::pg_catalog.name[])
