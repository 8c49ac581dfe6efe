-- needs: pg_replication_slots.conflicting
s.conflicting
