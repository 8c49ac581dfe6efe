-- type: SettingOverride
-- What ALTER ROLE and ALTER DATABASE set for this database, for all of them, and for its users.
WITH stored AS (
  SELECT
    o.setdatabase,
    o.setrole,
    pg_catalog.split_part(entry.text, '=', 1) AS name,
    pg_catalog.substr(entry.text, pg_catalog.strpos(entry.text, '=') + 1) AS value
  FROM pg_catalog.pg_db_role_setting AS o
  CROSS JOIN LATERAL pg_catalog.unnest(o.setconfig) AS entry (text)
),
s AS (
  -- Of settings that the role may not see, and of libraries that are not loaded, there is only the name.
  SELECT stored.setdatabase, stored.setrole, stored.value, coalesce(p.name, stored.name) AS name, p.vartype, p.category
  FROM stored
  LEFT JOIN pg_catalog.pg_settings AS p ON pg_catalog.lower(p.name) = pg_catalog.lower(stored.name)
)
SELECT
  d.datname::pg_catalog.text AS database,
  r.rolname::pg_catalog.text AS role,
  s.name,
  s.value
FROM s
LEFT JOIN pg_catalog.pg_database AS d ON d.oid = s.setdatabase
LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = s.setrole
WHERE (s.setdatabase = 0 OR d.datname = pg_catalog.current_database())
  AND (s.setrole = 0 OR r.rolname NOT IN {service_roles})
  AND (
{safe_setting}
  )
ORDER BY database NULLS FIRST, role NULLS FIRST, s.name COLLATE "C"
