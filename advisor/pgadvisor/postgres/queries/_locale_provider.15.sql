-- needs: pg_database.datlocprovider
d.datlocprovider::pg_catalog.text
