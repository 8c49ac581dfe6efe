-- needs: pg_auth_members.set_option
pg_catalog.pg_has_role(SESSION_USER, r.oid, 'SET')
