-- needs: pg_statistic_ext.stxexprs
s.stxexprs IS NOT NULL
