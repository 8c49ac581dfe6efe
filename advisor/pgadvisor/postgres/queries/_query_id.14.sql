-- needs: pg_stat_activity.query_id
a.query_id::pg_catalog.text
