"""Statements from elsewhere than a server: SQL files, exports of pg_stat_statements, logs."""
