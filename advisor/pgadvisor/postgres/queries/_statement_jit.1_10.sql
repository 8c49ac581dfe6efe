-- needs: pg_stat_statements.jit_emission_time
-- Time for deforming (1.11) is part of that for generation: src/include/jit/jit.h.
  s.jit_functions,
  s.jit_generation_time + s.jit_inlining_time + s.jit_optimization_time + s.jit_emission_time AS jit_ms
