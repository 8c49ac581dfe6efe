CASE WHEN l.collprovider = 'i' THEN l.collcollate::pg_catalog.text END
