-- Slots of the lock table that all sessions share, and those taken at this moment: fewer than there are, so that what
-- autovacuum and other background processes add is spare. What is locked by the fast path takes none.
SELECT
    pg_catalog.current_setting('max_locks_per_transaction')::pg_catalog.int8
      * (
        pg_catalog.current_setting('max_connections')::pg_catalog.int8
        + pg_catalog.current_setting('max_prepared_transactions')::pg_catalog.int8
      ) AS slots,
    (SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks AS l WHERE NOT l.fastpath) AS taken
