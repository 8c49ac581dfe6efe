-- needs: pg_stat_statements.jit_emission_time
s.jit_generation_time + s.jit_inlining_time + s.jit_optimization_time + s.jit_emission_time
