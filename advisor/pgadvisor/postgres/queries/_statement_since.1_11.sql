-- needs: pg_stat_statements.stats_since
s.stats_since
