-- type: Replication
-- without: standbys, slots
-- also: hidden_receivers
-- Of what it streams from only the place, never the connection string; of this database's subscriptions their names.
SELECT
  (
    SELECT pg_catalog.max(r.sender_host || ':' || r.sender_port) FROM pg_catalog.pg_stat_wal_receiver AS r
  ) AS upstream,
  (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_wal_receiver AS r WHERE r.status IS NULL) AS hidden_receivers,
  ARRAY(
    SELECT s.subname::pg_catalog.text
    FROM pg_catalog.pg_subscription AS s
    JOIN pg_catalog.pg_database AS d ON d.oid = s.subdbid
    WHERE d.datname = pg_catalog.current_database()
    ORDER BY s.subname
  ) AS subscriptions
