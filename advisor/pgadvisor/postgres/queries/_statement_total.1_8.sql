-- needs: pg_stat_statements.total_exec_time
s.total_exec_time
