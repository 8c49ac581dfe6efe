-- needs: pg_database.datlocale
d.datlocale
