-- needs: pg_database.daticulocale
d.daticulocale
