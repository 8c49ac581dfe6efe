-- The role that audits: it may look, and nothing else. The README shows the same commands.
GRANT CONNECT ON DATABASE shop TO pgadvisor;
GRANT pg_monitor TO pgadvisor;
GRANT pg_read_all_data TO pgadvisor;
