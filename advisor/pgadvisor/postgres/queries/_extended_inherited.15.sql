-- needs: pg_stats_ext.inherited
v.inherited
