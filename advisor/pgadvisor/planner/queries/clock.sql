-- How long the server takes to tell the time once, in microseconds, on average over a thousand times. Asked while the
-- role's own search path is searched, so operators are named in full.
SELECT EXTRACT(EPOCH FROM pg_catalog.max(t.told) OPERATOR(pg_catalog.-) pg_catalog.min(t.told))::pg_catalog.float8
         OPERATOR(pg_catalog.*) 1000::pg_catalog.float8 AS told_us
FROM (
    SELECT pg_catalog.clock_timestamp() AS told FROM pg_catalog.generate_series(1, 1000)
) AS t
