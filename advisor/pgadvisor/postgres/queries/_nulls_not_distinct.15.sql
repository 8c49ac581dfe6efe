-- needs: pg_index.indnullsnotdistinct
x.indnullsnotdistinct
