-- Without the view's expressions, which lock the table.
SELECT
  s.oid,
  {extended_inherited} AS inherited,
  v.n_distinct::pg_catalog.text AS n_distinct,
  v.dependencies::pg_catalog.text AS dependencies,
  v.most_common_vals::pg_catalog.text AS most_common_values,
  v.most_common_val_nulls::pg_catalog.text AS most_common_value_nulls,
  v.most_common_freqs::pg_catalog.text AS most_common_frequencies,
  v.most_common_base_freqs::pg_catalog.text AS most_common_base_frequencies
FROM pg_catalog.pg_statistic_ext AS s
JOIN pg_catalog.pg_class AS c ON c.oid = s.stxrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = s.stxnamespace
JOIN pg_catalog.pg_stats_ext AS v ON v.statistics_schemaname = n.nspname AND v.statistics_name = s.stxname
WHERE s.oid = ANY (%(oids)s::pg_catalog.oid[])
ORDER BY s.oid, inherited
