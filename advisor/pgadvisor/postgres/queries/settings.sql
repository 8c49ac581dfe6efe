-- type: Setting
-- What this session has set itself shows the value it found.
SELECT
  s.name,
  CASE WHEN s.source = 'session' THEN s.reset_val ELSE s.setting END AS value,
  s.unit,
  CASE
    WHEN s.source <> 'session' THEN s.source
    WHEN s.reset_val = s.boot_val THEN 'default'
    ELSE 'session default'
  END AS source,
  s.boot_val AS "default"
FROM pg_catalog.pg_settings AS s
WHERE s.setting IS NOT NULL
  AND (
{safe_setting}
  )
ORDER BY s.name COLLATE "C"
