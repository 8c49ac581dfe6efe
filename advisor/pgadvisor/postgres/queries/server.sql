-- type: Server
-- without: memberships, search_path, host, port, system_identifier, settings, extensions, timeline, service, overrides
SELECT
  pg_catalog.current_setting('server_version_num')::pg_catalog.int4 AS version_num,
  pg_catalog.current_setting('server_version') AS version,
  d.datname::pg_catalog.text AS database,
  d.oid AS database_oid,
  r.rolname::pg_catalog.text AS role,
  r.rolsuper AS is_superuser,
  pg_catalog.pg_encoding_to_char(d.encoding)::pg_catalog.text AS encoding,
  d.datcollate::pg_catalog.text AS collation,
  d.datctype::pg_catalog.text AS ctype,
  {locale_provider} AS locale_provider,
  {database_locale} AS locale,
  pg_catalog.host(pg_catalog.inet_server_addr()) AS address,
  pg_catalog.inet_server_port() AS address_port,
  pg_catalog.pg_postmaster_start_time() AS started_at,
  pg_catalog.clock_timestamp() AS collected_at,
  pg_catalog.pg_is_in_recovery() AS in_recovery,
  CASE
    WHEN NOT pg_catalog.pg_is_in_recovery() THEN NULL
    -- All that was received has been replayed: an idle primary is not a lag.
    WHEN pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn() THEN 0
    ELSE pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp())
  END::pg_catalog.float8 AS replay_lag_s,
  pg_catalog.current_setting('block_size')::pg_catalog.int4 AS block_size_bytes
FROM pg_catalog.pg_database AS d, pg_catalog.pg_roles AS r
WHERE d.datname = pg_catalog.current_database() AND r.rolname = CURRENT_USER
