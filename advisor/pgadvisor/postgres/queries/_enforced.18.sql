-- needs: pg_constraint.conenforced
con.conenforced
