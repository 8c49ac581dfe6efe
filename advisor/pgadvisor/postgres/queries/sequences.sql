-- type: Sequence
-- without: last_value
-- also: may_see_position, readable
-- Of the audited schemas, and those of audited columns. readable: on a standby one without WAL is not.
WITH user_schemas AS (
{user_schemas}
),
user_relations AS (
{user_relations}
)
SELECT
  c.oid,
  n.nspname::pg_catalog.text AS schema,
  c.relname::pg_catalog.text AS name,
  pg_catalog.format_type(s.seqtypid, NULL) AS type,
  s.seqstart AS start,
  s.seqmin AS minimum,
  s.seqmax AS maximum,
  s.seqincrement AS increment,
  s.seqcycle AS cycles,
  s.seqcache AS cache,
  nullif(owner.refobjid, 0) AS owner_relation_oid,
  a.attname::pg_catalog.text AS owner_column,
  pg_catalog.has_sequence_privilege(c.oid, 'SELECT, USAGE') AS may_see_position,
  c.relpersistence = 'p' OR NOT pg_catalog.pg_is_in_recovery() AS readable
FROM pg_catalog.pg_sequence AS s
JOIN pg_catalog.pg_class AS c ON c.oid = s.seqrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_depend AS owner
  ON owner.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND owner.objid = c.oid
  AND owner.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
  AND owner.refobjsubid > 0
  AND owner.deptype IN ('a', 'i')
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = owner.refobjid AND a.attnum = owner.refobjsubid
WHERE c.relpersistence <> 't'
  AND (
    n.oid IN (SELECT u.oid FROM user_schemas AS u) OR owner.refobjid IN (SELECT r.oid FROM user_relations AS r)
  )
  AND NOT EXISTS (
    SELECT
    FROM pg_catalog.pg_depend AS d
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e'
  )
ORDER BY c.oid
