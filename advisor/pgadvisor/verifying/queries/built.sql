-- An index just built, and those of partitions below it: their names, their size, and whether a plan may use all of them.
SELECT pg_catalog.array_agg(c.relname::pg_catalog.text ORDER BY c.relname) AS names,
       pg_catalog.sum(pg_catalog.pg_relation_size(c.oid))::pg_catalog.int8 AS size_bytes,
       pg_catalog.bool_and(i.indisvalid) AS valid,
       pg_catalog.bool_or(i.indcheckxmin) AS too_new
FROM (
    SELECT %(index)s::pg_catalog.regclass::pg_catalog.oid AS oid
    UNION
    SELECT t.relid::pg_catalog.oid FROM pg_catalog.pg_partition_tree(%(index)s::pg_catalog.regclass) AS t
) AS built
JOIN pg_catalog.pg_class AS c ON c.oid = built.oid
JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
