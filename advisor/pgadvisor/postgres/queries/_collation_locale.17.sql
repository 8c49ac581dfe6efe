-- needs: pg_collation.colllocale
l.colllocale
