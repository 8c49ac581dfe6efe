-- This function locks the relation, and keeps a lock on all that the policy mentions besides: only where nobody holds
-- or wants ACCESS EXCLUSIVE, few at a time.
SELECT
  p.oid,
  pg_catalog.pg_get_expr(p.polqual, p.polrelid) AS "using",
  pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) AS "check"
FROM pg_catalog.pg_policy AS p
WHERE p.oid = ANY (%(oids)s::pg_catalog.oid[])
