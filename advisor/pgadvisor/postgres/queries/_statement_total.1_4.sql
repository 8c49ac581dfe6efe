-- needs: pg_stat_statements.total_time
s.total_time
