-- needs: pg_stat_statements.toplevel
s.toplevel
