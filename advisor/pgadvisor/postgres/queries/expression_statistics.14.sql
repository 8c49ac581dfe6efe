-- needs: pg_stats_ext_exprs.expr
-- The view locks the table: only for relations that nobody holds or wants ACCESS EXCLUSIVE, few at a time. Its columns keep
-- their names.
SELECT
  s.oid,
  {extended_inherited} AS inherited,
  v.expr,
  v.null_frac::pg_catalog.text AS null_frac,
  v.avg_width::pg_catalog.text AS avg_width,
  v.n_distinct::pg_catalog.text AS n_distinct,
  v.most_common_vals::pg_catalog.text AS most_common_vals,
  v.most_common_freqs::pg_catalog.text AS most_common_freqs,
  v.histogram_bounds::pg_catalog.text AS histogram_bounds,
  v.correlation::pg_catalog.text AS correlation,
  v.most_common_elems::pg_catalog.text AS most_common_elems,
  v.most_common_elem_freqs::pg_catalog.text AS most_common_elem_freqs,
  v.elem_count_histogram::pg_catalog.text AS elem_count_histogram
FROM pg_catalog.pg_statistic_ext AS s
JOIN pg_catalog.pg_class AS c ON c.oid = s.stxrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = s.stxnamespace
JOIN pg_catalog.pg_stats_ext_exprs AS v ON v.statistics_schemaname = n.nspname AND v.statistics_name = s.stxname
WHERE s.oid = ANY (%(oids)s::pg_catalog.oid[])
