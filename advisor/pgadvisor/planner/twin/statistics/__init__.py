"""The statistics of a twin: rows of pg_statistic and pg_statistic_ext_data as the snapshot shows them."""
