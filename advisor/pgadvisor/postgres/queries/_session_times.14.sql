-- needs: pg_stat_database.session_time
  s.session_time AS session_ms,
  s.active_time AS active_ms,
  s.idle_in_transaction_time AS idle_in_transaction_ms,
  s.sessions,
  s.sessions_abandoned,
  s.sessions_fatal,
  s.sessions_killed
