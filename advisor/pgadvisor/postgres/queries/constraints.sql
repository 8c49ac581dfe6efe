-- type: Constraint
-- without: definition
WITH user_relations AS (
{user_relations}
)
SELECT
  con.oid,
  con.conrelid AS table_oid,
  con.conname::pg_catalog.text AS name,
  CASE con.contype
    WHEN 'p' THEN 'primary key'
    WHEN 'u' THEN 'unique'
    WHEN 'f' THEN 'foreign key'
    WHEN 'c' THEN 'check'
    WHEN 'x' THEN 'exclusion'
    WHEN 'n' THEN 'not null'
    ELSE 'trigger'
  END AS kind,
  -- A subquery for each column: as a join it would read all columns of the relation.
  ARRAY(
    SELECT (
      SELECT a.attname::pg_catalog.text
      FROM pg_catalog.pg_attribute AS a
      WHERE a.attrelid = con.conrelid AND a.attnum = k.number
    )
    FROM pg_catalog.unnest(con.conkey) WITH ORDINALITY AS k (number, position)
    -- Zero stands for the whole row.
    WHERE k.number <> 0
    ORDER BY k.position
  ) AS columns,
  nullif(con.confrelid, 0) AS referenced_oid,
  ARRAY(
    SELECT (
      SELECT a.attname::pg_catalog.text
      FROM pg_catalog.pg_attribute AS a
      WHERE a.attrelid = con.confrelid AND a.attnum = k.number
    )
    FROM pg_catalog.unnest(con.confkey) WITH ORDINALITY AS k (number, position)
    ORDER BY k.position
  ) AS referenced_columns,
  nullif(con.conindid, 0) AS index_oid,
  nullif(con.conparentid, 0) AS parent_oid,
  con.convalidated AS validated,
  {enforced} AS enforced,
  con.condeferrable AS deferrable,
  con.condeferred AS deferred,
  con.connoinherit AS no_inherit,
  con.conislocal AS is_local,
  CASE WHEN con.contype = 'f' THEN con.confdeltype::pg_catalog.text ELSE 'a' END AS on_delete,
  CASE WHEN con.contype = 'f' THEN con.confupdtype::pg_catalog.text ELSE 'a' END AS on_update,
  CASE WHEN con.contype = 'f' THEN con.confmatchtype::pg_catalog.text ELSE 's' END AS match_type
FROM pg_catalog.pg_constraint AS con
-- Foreign keys of other schemas hold the indexes they refer to in place.
WHERE con.conrelid IN (SELECT oid FROM user_relations)
  OR (con.contype = 'f' AND con.confrelid IN (SELECT oid FROM user_relations))
ORDER BY con.oid
