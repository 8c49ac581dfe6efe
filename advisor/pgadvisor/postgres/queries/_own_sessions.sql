-- This connection, and others of this tool by the same role from the same place.
  SELECT o.pid
  FROM pg_catalog.pg_stat_activity AS o
  JOIN pg_catalog.pg_stat_activity AS us ON us.pid = pg_catalog.pg_backend_pid()
  WHERE o.pid = us.pid
    OR (
      o.application_name = 'pgadvisor'
      AND o.usesysid = us.usesysid
      AND o.client_addr IS NOT DISTINCT FROM us.client_addr
    )
