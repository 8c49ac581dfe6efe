-- All that needs texts, in one call, since each call makes the server read those of all databases: which entries are
-- this tool's own (the comment at their end says so; with it nobody can hide a statement but roles that ours, which is no
-- superuser, may become and plans as), and the texts of the first of the candidates that are not. No text but a
-- candidate's leaves the first step, so that none is sorted.
WITH ours AS MATERIALIZED (
  SELECT r.oid
  FROM pg_catalog.pg_roles AS r
  JOIN pg_catalog.pg_roles AS me ON me.rolname = session_user
  WHERE r.oid = me.oid
    OR (NOT me.rolsuper AND NOT r.rolsuper AND pg_catalog.pg_has_role(me.oid, r.oid, 'MEMBER'))
), candidate AS (
  SELECT d.database_oid, q.query_id, place
  FROM pg_catalog.unnest(%(database_oids)s::pg_catalog.oid[]) WITH ORDINALITY AS d (database_oid, place)
  JOIN pg_catalog.unnest(%(query_ids)s::pg_catalog.int8[]) WITH ORDINALITY AS q (query_id, place) USING (place)
), entry AS MATERIALIZED (
  SELECT
    s.dbid AS database_oid,
    s.queryid AS query_id,
    s.userid AS user_oid,
    coalesce(
      s.userid IN (SELECT o.oid FROM ours AS o)
        AND pg_catalog.right(s.query, pg_catalog.length(%(marker)s::pg_catalog.text)) = %(marker)s::pg_catalog.text,
      false
    ) AS own,
    pg_catalog.octet_length(s.query) AS source_bytes,
    s.query = '<insufficient privilege>' AS hidden,
    CASE
      WHEN pg_catalog.octet_length(s.query) <= %(max_bytes)s::pg_catalog.int4
        AND (s.dbid, s.queryid) IN (SELECT c.database_oid, c.query_id FROM candidate AS c)
      THEN s.query
    END AS text
  FROM {statements_schema}.pg_stat_statements(true) AS s
  WHERE s.dbid = ANY (%(databases)s::pg_catalog.oid[]) AND s.queryid IS NOT NULL
), statement AS (
  SELECT DISTINCT ON (e.database_oid, e.query_id)
    e.database_oid,
    e.query_id,
    pg_catalog.bool_or(e.own) OVER (PARTITION BY e.database_oid, e.query_id) AS own,
    e.source_bytes,
    e.hidden,
    e.text
  FROM entry AS e
  ORDER BY e.database_oid, e.query_id, e.source_bytes IS NULL, e.hidden, e.user_oid
), placed AS (
  SELECT
    s.*,
    c.place,
    pg_catalog.count(*) FILTER (WHERE NOT s.own AND c.place IS NOT NULL) OVER (ORDER BY c.place) AS place_of_others
  FROM statement AS s
  LEFT JOIN candidate AS c ON c.database_oid = s.database_oid AND c.query_id = s.query_id
)
SELECT
  p.database_oid,
  p.query_id::pg_catalog.text AS query_id,
  p.own,
  p.source_bytes,
  coalesce(p.hidden, false) AS hidden,
  CASE WHEN NOT p.own AND NOT p.hidden THEN p.text END AS text
FROM placed AS p
WHERE p.own OR (p.place IS NOT NULL AND p.place_of_others <= %(wanted)s::pg_catalog.int4)
