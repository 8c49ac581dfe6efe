-- type: Function
-- without: definition
-- also: source_bytes, definable, relation_oids
-- Of the audited schemas, and those in oids, which come first. Neither arguments nor results are expressions, so that this
-- does not lock. definable: its definition can be had and names no setting that may hold a secret. relation_oids: what
-- its definition would lock, since a body in SQL is kept as a tree (from 14 on) and defaults of arguments may take apart
-- rows.
WITH user_schemas AS (
{user_schemas}
),
settings AS MATERIALIZED (
  SELECT g.name, g.vartype, g.category, pg_catalog.lower(g.name) AS lower_name FROM pg_catalog.pg_settings AS g
)
SELECT
  p.oid,
  n.nspname::pg_catalog.text AS schema,
  p.proname::pg_catalog.text AS name,
  p.prokind::pg_catalog.text AS kind,
  -- NULL of what has just been dropped.
  coalesce(pg_catalog.pg_get_function_identity_arguments(p.oid), '') AS arguments,
  pg_catalog.pg_get_function_result(p.oid) AS result,
  l.lanname::pg_catalog.text AS language,
  pg_catalog.pg_get_userbyid(p.proowner)::pg_catalog.text AS owner,
  p.provolatile::pg_catalog.text AS volatility,
  p.proparallel::pg_catalog.text AS parallel,
  p.proisstrict AS strict,
  p.proleakproof AS leakproof,
  p.prosecdef AS security_definer,
  p.proretset AS returns_set,
  coalesce(
    (
      SELECT step.procost
      FROM pg_catalog.pg_aggregate AS g
      JOIN pg_catalog.pg_proc AS step ON step.oid = g.aggtransfn
      WHERE g.aggfnoid = p.oid
    ),
    p.procost
  )::pg_catalog.float8 AS cost,
  p.prorows::pg_catalog.float8 AS rows,
  p.pronargdefaults::pg_catalog.int4 AS argument_defaults,
  configuration.safe AS configuration,
  pg_catalog.octet_length(p.prosrc) AS source_bytes,
  p.prokind <> 'a'
    AND pg_catalog.cardinality(configuration.safe) = pg_catalog.cardinality(coalesce(p.proconfig, '{{}}')) AS definable,
  ARRAY(
    SELECT d.refobjid
    FROM pg_catalog.pg_depend AS d
    WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    UNION
    SELECT t.typrelid
    FROM pg_catalog.pg_depend AS d
    JOIN pg_catalog.pg_type AS t ON t.oid = d.refobjid
    WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
      AND d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass
      AND t.typrelid <> 0
  ) AS relation_oids
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
CROSS JOIN LATERAL (
  SELECT ARRAY(
    SELECT s.entry
    FROM (
      SELECT entry, coalesce(g.name, pg_catalog.split_part(entry, '=', 1)) AS name, g.vartype, g.category
      FROM pg_catalog.unnest(p.proconfig) AS entry
      LEFT JOIN settings AS g ON g.lower_name = pg_catalog.lower(pg_catalog.split_part(entry, '=', 1))
    ) AS s
    WHERE (
{safe_setting}
    )
  ) AS safe
) AS configuration
WHERE (n.oid IN (SELECT s.oid FROM user_schemas AS s) OR p.oid = ANY (%(oids)s::pg_catalog.oid[]))
  AND p.oid >= 16384
  AND NOT EXISTS (
    SELECT
    FROM pg_catalog.pg_depend AS d
    WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e'
  )
ORDER BY p.oid = ANY (%(oids)s::pg_catalog.oid[]) DESC, p.oid
LIMIT %(limit)s::pg_catalog.int4
