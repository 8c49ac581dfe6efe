-- On a standby that of its last restart point.
SELECT c.timeline_id AS timeline
FROM pg_catalog.pg_control_checkpoint() AS c
