-- needs: pg_class.relallfrozen
c.relallfrozen
