-- type: ExtendedStatistics
-- without: expressions, inherited, n_distinct, dependencies, most_common_values, most_common_value_nulls, most_common_frequencies, most_common_base_frequencies, expression_statistics
-- also: has_expressions, owner, owners_only, row_security, visible
-- visible: whether the view pg_stats_ext shows this role the data, if there is any. Since a security fix of 2024 it does so
-- to owners only, in clusters made after it.
WITH user_relations AS (
{user_relations}
),
view AS (
  SELECT pg_catalog.strpos(
    pg_catalog.pg_get_viewdef('pg_catalog.pg_stats_ext'::pg_catalog.regclass), 'pg_has_role('
  ) > 0 AS owners_only
)
SELECT
  s.oid,
  s.stxrelid AS relation_oid,
  n.nspname::pg_catalog.text AS schema,
  s.stxname::pg_catalog.text AS name,
  ARRAY(
    SELECT CASE k.kind
      WHEN 'd' THEN 'ndistinct' WHEN 'f' THEN 'dependencies' WHEN 'm' THEN 'mcv' ELSE 'expressions'
    END
    FROM pg_catalog.unnest(s.stxkind) WITH ORDINALITY AS k (kind, position)
    ORDER BY k.position
  ) AS kinds,
  ARRAY(
    SELECT a.attname::pg_catalog.text
    FROM pg_catalog.unnest(s.stxkeys::pg_catalog.int2[]) WITH ORDINALITY AS k (number, position)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = s.stxrelid AND a.attnum = k.number
    ORDER BY k.position
  ) AS columns,
  CASE WHEN s.stxstattarget >= 0 THEN s.stxstattarget::pg_catalog.int4 END AS statistics_target,
  {has_statistics_expressions} AS has_expressions,
  pg_catalog.pg_get_userbyid(c.relowner)::pg_catalog.text AS owner,
  view.owners_only,
  c.relrowsecurity AND pg_catalog.row_security_active(c.oid) AS row_security,
  CASE
    WHEN view.owners_only THEN pg_catalog.pg_has_role(c.relowner, 'USAGE')
    ELSE NOT EXISTS (
      SELECT
      FROM pg_catalog.unnest(s.stxkeys::pg_catalog.int2[]) AS k (number)
      WHERE NOT pg_catalog.has_column_privilege(c.oid, k.number, 'SELECT')
    )
  END AND NOT (c.relrowsecurity AND pg_catalog.row_security_active(c.oid)) AS visible
FROM user_relations AS r
JOIN pg_catalog.pg_statistic_ext AS s ON s.stxrelid = r.oid
JOIN pg_catalog.pg_class AS c ON c.oid = r.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = s.stxnamespace
CROSS JOIN view
ORDER BY s.oid
