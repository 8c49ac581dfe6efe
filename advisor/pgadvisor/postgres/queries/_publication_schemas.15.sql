-- needs: pg_publication_namespace.pnpubid
  ARRAY(
    SELECT n.nspname::pg_catalog.text
    FROM pg_catalog.pg_publication_namespace AS m
    JOIN pg_catalog.pg_namespace AS n ON n.oid = m.pnnspid
    WHERE m.pnpubid = p.oid
    ORDER BY n.nspname
  )
