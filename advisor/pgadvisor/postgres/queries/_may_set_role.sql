pg_catalog.pg_has_role(SESSION_USER, r.oid, 'MEMBER')
