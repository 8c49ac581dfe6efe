-- needs: pg_collation.colliculocale
l.colliculocale
