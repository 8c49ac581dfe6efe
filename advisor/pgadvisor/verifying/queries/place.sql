-- Which database of which server this is, and the marker that ALTER DATABASE gave it: as the catalog has it, since what a
-- session has may come from its client (PGOPTIONS) or its role.
SELECT pg_catalog.current_database()::pg_catalog.text AS database,
       pg_catalog.current_setting('server_version') AS server_version,
       pg_catalog.pg_is_in_recovery() AS in_recovery,
       pg_catalog.pg_postmaster_start_time() AS started_at,
       pg_catalog.clock_timestamp() AS now,
       pg_catalog.host(pg_catalog.inet_server_addr()) AS address,
       pg_catalog.inet_server_port() AS address_port,
       (
           SELECT pg_catalog.substr(c.setting, pg_catalog.strpos(c.setting, '=') + 1)
           FROM pg_catalog.pg_db_role_setting AS s
           JOIN pg_catalog.pg_database AS d ON d.oid = s.setdatabase
           CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c (setting)
           WHERE s.setrole = 0
             AND d.datname = pg_catalog.current_database()
             AND pg_catalog.lower(pg_catalog.split_part(c.setting, '=', 1)) = 'pgadvisor.copy'
           LIMIT 1
       ) AS marker
