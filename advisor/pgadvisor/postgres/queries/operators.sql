-- type: Operator
-- Of the audited schemas, and those in oids. One without a function is only announced, as another's commutator.
WITH user_schemas AS (
{user_schemas}
)
SELECT
  o.oid,
  n.nspname::pg_catalog.text AS schema,
  o.oprname::pg_catalog.text AS name,
  CASE WHEN o.oprleft <> 0 THEN pg_catalog.format_type(o.oprleft, NULL) END AS left_type,
  CASE WHEN o.oprright <> 0 THEN pg_catalog.format_type(o.oprright, NULL) END AS right_type,
  o.oprcode::pg_catalog.oid AS function_oid,
  nullif(o.oprcom, 0::pg_catalog.oid) AS commutator_oid,
  nullif(o.oprnegate, 0::pg_catalog.oid) AS negator_oid,
  CASE
    WHEN o.oprrest::pg_catalog.oid = 0 THEN NULL
    WHEN rest.pronamespace = 'pg_catalog'::pg_catalog.regnamespace THEN rest.proname::pg_catalog.text
    ELSE ''
  END AS restrict_estimator,
  CASE
    WHEN o.oprjoin::pg_catalog.oid = 0 THEN NULL
    WHEN joining.pronamespace = 'pg_catalog'::pg_catalog.regnamespace THEN joining.proname::pg_catalog.text
    ELSE ''
  END AS join_estimator,
  o.oprcanhash AS hashes,
  o.oprcanmerge AS merges
FROM pg_catalog.pg_operator AS o
JOIN pg_catalog.pg_namespace AS n ON n.oid = o.oprnamespace
LEFT JOIN pg_catalog.pg_proc AS rest ON rest.oid = o.oprrest::pg_catalog.oid
LEFT JOIN pg_catalog.pg_proc AS joining ON joining.oid = o.oprjoin::pg_catalog.oid
WHERE (n.oid IN (SELECT s.oid FROM user_schemas AS s) OR o.oid = ANY (%(oids)s::pg_catalog.oid[]))
  AND o.oid >= 16384
  AND o.oprcode::pg_catalog.oid <> 0
  AND NOT EXISTS (
    SELECT
    FROM pg_catalog.pg_depend AS d
    WHERE d.classid = 'pg_catalog.pg_operator'::pg_catalog.regclass AND d.objid = o.oid AND d.deptype = 'e'
  )
ORDER BY o.oid
