-- type: Publication
WITH user_relations AS (
{user_relations}
)
SELECT
  p.oid,
  p.pubname::pg_catalog.text AS name,
  p.puballtables AS all_tables,
  {publication_schemas} AS schemas,
  ARRAY(
    SELECT m.prrelid
    FROM pg_catalog.pg_publication_rel AS m
    JOIN user_relations AS r ON r.oid = m.prrelid
    WHERE m.prpubid = p.oid
    ORDER BY m.prrelid
  ) AS relation_oids
FROM pg_catalog.pg_publication AS p
ORDER BY p.oid
