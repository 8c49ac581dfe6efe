-- Whose code the functions of an extension are that we call by name. Only a superuser makes C functions and members of an
-- extension, but whoever owns the schema can drop it with all that is in it, and put functions of the same names there.
-- pg_database_owner, who owns public from 15 on, stands for the owner of the database.
SELECT
  pg_catalog.count(*) > 0 AND pg_catalog.bool_and(
    l.lanname = 'c' AND EXISTS (
      SELECT
      FROM pg_catalog.pg_depend AS d
      JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
      WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
        AND d.objid = p.oid
        AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
        AND d.deptype = 'e'
        AND e.extname = %(extension)s::pg_catalog.text
    )
  ) AS is_genuine,
  coalesce(pg_catalog.bool_and(owner.rolsuper OR pg_catalog.pg_has_role(owner.oid, me.oid, 'MEMBER')), false)
    AS is_safe_from_owner,
  coalesce(
    pg_catalog.bool_or(
      me.rolsuper
      OR pg_catalog.pg_has_role(me.oid, 'pg_execute_server_program', 'MEMBER')
      OR pg_catalog.pg_has_role(me.oid, 'pg_read_server_files', 'MEMBER')
      OR pg_catalog.pg_has_role(me.oid, 'pg_write_server_files', 'MEMBER')
    ),
    false
  ) AS could_harm
FROM pg_catalog.pg_namespace AS n
JOIN pg_catalog.pg_proc AS p ON p.pronamespace = n.oid
  AND p.proname = ANY (%(functions)s::pg_catalog.text[])
JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
JOIN pg_catalog.pg_database AS db ON db.datname = pg_catalog.current_database()
JOIN pg_catalog.pg_roles AS named ON named.oid = n.nspowner
JOIN pg_catalog.pg_roles AS owner
  ON owner.oid = CASE WHEN named.rolname = 'pg_database_owner' THEN db.datdba ELSE n.nspowner END
JOIN pg_catalog.pg_roles AS me ON me.rolname = session_user
WHERE n.nspname = %(schema)s::pg_catalog.text
