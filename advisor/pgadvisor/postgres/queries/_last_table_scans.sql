  NULL::pg_catalog.timestamptz AS last_seq_scan,
  NULL::pg_catalog.timestamptz AS last_index_scan,
  NULL::pg_catalog.int8 AS rows_newpage_updated
