-- type: PreparedTransaction
SELECT
  coalesce(p.database::pg_catalog.text, '') AS database,
  -- Empty where the role has been dropped since.
  coalesce(p.owner::pg_catalog.text, '') AS owner,
  pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - p.prepared) AS age_s,
  pg_catalog.age(p.transaction) AS horizon_age
FROM pg_catalog.pg_prepared_xacts AS p
ORDER BY p.prepared, p.transaction::pg_catalog.text
