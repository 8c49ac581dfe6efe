SELECT NULL::pg_catalog.timestamptz AS since, NULL::pg_catalog.int8 AS evicted
