-- The first object by whose use a statement runs code of the kind asked for; where there is none, the bodies of the
-- functions that it reaches, as far as they are texts whose names no dependency tells, with their settings. It begins with everything that the names in a
-- text may mean and goes down from there: from tables to indexes, policies and column types, from views to what they show,
-- from operators, casts, aggregates and types to their functions. Triggers and foreign keys play no part in planning.
-- untrusted: code of owners that are not trusted; code in C is a superuser's, whoever owns it. Otherwise: volatile code as
-- a SELECT can reach it, so that defaults and CHECK constraints of tables do not count.
WITH RECURSIVE visible AS (
    SELECT n.oid
    FROM pg_catalog.pg_namespace AS n
    WHERE n.nspname = ANY (%(schemas)s::pg_catalog.name[]) OR n.nspname = ANY (%(names)s::pg_catalog.name[])
),
named (classid, objid) AS (
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid
    FROM pg_catalog.pg_class AS c
    JOIN visible ON visible.oid = c.relnamespace
    WHERE c.relname = ANY (%(names)s::pg_catalog.name[]) AND c.oid >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid
    FROM pg_catalog.pg_type AS t
    JOIN visible ON visible.oid = t.typnamespace
    WHERE t.typname = ANY (%(names)s::pg_catalog.name[]) AND t.oid >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid
    FROM pg_catalog.pg_proc AS p
    JOIN visible ON visible.oid = p.pronamespace
    WHERE p.proname = ANY (%(names)s::pg_catalog.name[])
      AND p.oid >= 16384
      AND (
          p.proname = ANY (%(called)s::pg_catalog.name[])
          -- A function of one row can also be called as if it were a column: t.f for f(t). A stranger's cast may make the
          -- row fit any type.
          OR (
              p.pronargs >= 1 AND p.pronargs - p.pronargdefaults <= 1
              AND (
                  %(untrusted)s
                  OR EXISTS (
                      SELECT FROM pg_catalog.pg_type AS t
                      WHERE t.oid = p.proargtypes[0] AND t.typtype IN ('c', 'd', 'p')
                  )
              )
          )
      )
    UNION ALL
    SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, o.oid
    FROM pg_catalog.pg_operator AS o
    JOIN visible ON visible.oid = o.oprnamespace
    WHERE o.oprname = ANY (%(operators)s::pg_catalog.name[]) AND o.oid >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_cast'::pg_catalog.regclass, c.oid
    FROM pg_catalog.pg_cast AS c
    WHERE c.oid >= 16384 AND c.castsource < 16384 AND c.casttarget < 16384
),
reached (classid, objid) AS (
    SELECT named.classid::pg_catalog.oid, named.objid FROM named
    UNION
    SELECT below.classid, below.objid
    FROM reached AS r
    CROSS JOIN LATERAL (
        SELECT d.refclassid, d.refobjid
        FROM pg_catalog.pg_depend AS d
        WHERE d.classid = r.classid AND d.objid = r.objid
          AND d.refobjid >= 16384
          AND d.refclassid IN (
              'pg_catalog.pg_class'::pg_catalog.regclass, 'pg_catalog.pg_type'::pg_catalog.regclass,
              'pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass,
              'pg_catalog.pg_opclass'::pg_catalog.regclass, 'pg_catalog.pg_opfamily'::pg_catalog.regclass
          )
        UNION ALL
        -- What is made with a type or a table and needs no mention: arrays, multiranges and types of rows.
        SELECT d.classid, d.objid
        FROM pg_catalog.pg_depend AS d
        WHERE d.refclassid = r.classid AND d.refobjid = r.objid
          AND d.deptype = 'i'
          AND d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
        UNION ALL
        -- What no dependency tells of: the planner turns operators round, and reads the first value of an aggregate.
        SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, turned.oid
        FROM pg_catalog.pg_operator AS o
        CROSS JOIN LATERAL (VALUES (o.oprnegate), (o.oprcom)) AS turned (oid)
        WHERE r.classid = 'pg_catalog.pg_operator'::pg_catalog.regclass AND o.oid = r.objid AND turned.oid >= 16384
        UNION ALL
        SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, state.oid
        FROM pg_catalog.pg_aggregate AS a
        CROSS JOIN LATERAL (VALUES (a.aggtranstype), (a.aggmtranstype)) AS state (oid)
        WHERE r.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND a.aggfnoid = r.objid AND state.oid >= 16384
        UNION ALL
        SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass, w.oid
        FROM pg_catalog.pg_rewrite AS w
        WHERE r.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND w.ev_class = r.objid
        UNION ALL
        SELECT 'pg_catalog.pg_policy'::pg_catalog.regclass, p.oid
        FROM pg_catalog.pg_policy AS p
        WHERE r.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND p.polrelid = r.objid
        UNION ALL
        SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, a.oid
        FROM pg_catalog.pg_attrdef AS a
        WHERE %(untrusted)s AND r.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND a.adrelid = r.objid
        UNION ALL
        SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid
        FROM pg_catalog.pg_constraint AS k
        WHERE %(untrusted)s
          AND r.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
          AND k.conrelid = r.objid AND k.contypid = 0 AND k.contype = 'c'
        UNION ALL
        SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid
        FROM pg_catalog.pg_constraint AS k
        WHERE r.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND k.contypid = r.objid
        UNION ALL
        SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid
        FROM pg_catalog.pg_index AS i
        WHERE r.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND i.indrelid = r.objid
        UNION ALL
        SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, h.inhrelid
        FROM pg_catalog.pg_inherits AS h
        WHERE r.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND h.inhparent = r.objid
        UNION ALL
        SELECT 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, s.oid
        FROM pg_catalog.pg_statistic_ext AS s
        WHERE r.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND s.stxrelid = r.objid
        UNION ALL
        SELECT 'pg_catalog.pg_cast'::pg_catalog.regclass, c.oid
        FROM pg_catalog.pg_cast AS c
        WHERE r.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND r.objid IN (c.castsource, c.casttarget)
        UNION ALL
        SELECT 'pg_catalog.pg_amop'::pg_catalog.regclass, o.oid
        FROM pg_catalog.pg_amop AS o
        WHERE r.classid = 'pg_catalog.pg_opfamily'::pg_catalog.regclass AND o.amopfamily = r.objid
        UNION ALL
        SELECT 'pg_catalog.pg_amproc'::pg_catalog.regclass, o.oid
        FROM pg_catalog.pg_amproc AS o
        WHERE r.classid = 'pg_catalog.pg_opfamily'::pg_catalog.regclass AND o.amprocfamily = r.objid
    ) AS below (classid, objid)
),
volatile (oid) AS (
    SELECT p.oid FROM pg_catalog.pg_proc AS p WHERE p.provolatile = 'v' AND NOT %(untrusted)s
),
found (kind, schema_oid, name, owner_oid) AS (
    SELECT 'function', p.pronamespace, p.proname, p.proowner
    FROM reached AS r
    JOIN pg_catalog.pg_proc AS p ON p.oid = r.objid
    JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
    WHERE r.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
      AND CASE
          WHEN %(untrusted)s THEN
              l.lanname NOT IN ('internal', 'c') AND p.proowner <> ALL (%(trusted)s::pg_catalog.oid[])
          ELSE
              p.provolatile = 'v'
              -- Another name for a function of the system, or what may do anything to the machine.
              OR (
                  l.lanname = 'internal'
                  AND EXISTS (
                      SELECT FROM pg_catalog.pg_proc AS v
                      WHERE v.oid < 16384 AND v.provolatile = 'v' AND v.prosrc = p.prosrc
                  )
              )
              OR (l.lanname NOT IN ('internal', 'c') AND NOT l.lanpltrusted)
              -- An aggregate never says so itself.
              OR EXISTS (
                  SELECT
                  FROM pg_catalog.pg_aggregate AS a
                  JOIN volatile AS v ON v.oid IN (
                      a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn,
                      a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn
                  )
                  WHERE a.aggfnoid = p.oid
              )
      END
    UNION ALL
    SELECT 'type', t.typnamespace, t.typname, t.typowner
    FROM reached AS r
    JOIN pg_catalog.pg_type AS t ON t.oid = r.objid
    JOIN pg_catalog.pg_constraint AS k ON k.contypid = t.oid AND k.contype = 'c'
    WHERE r.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
      AND CASE
          WHEN %(untrusted)s THEN t.typowner <> ALL (%(trusted)s::pg_catalog.oid[])
          ELSE EXISTS (
              SELECT
              FROM pg_catalog.regexp_matches(k.conbin::pg_catalog.text, ':(?:funcid|opfuncid) (\d+)', 'g') AS called
              JOIN volatile AS v ON v.oid = called[1]::pg_catalog.oid
          )
      END
    UNION ALL
    SELECT 'operator', o.oprnamespace, o.oprname, o.oprowner
    FROM reached AS r
    JOIN pg_catalog.pg_operator AS o ON o.oid = r.objid
    JOIN volatile AS v ON v.oid = o.oprcode
    WHERE r.classid = 'pg_catalog.pg_operator'::pg_catalog.regclass
    UNION ALL
    -- Another name for a function of the system that acts though it is not volatile; to trust its owner does not help.
    SELECT 'operator', o.oprnamespace, o.oprname, NULL
    FROM reached AS r
    JOIN pg_catalog.pg_operator AS o ON o.oid = r.objid
    JOIN pg_catalog.pg_proc AS p ON p.oid = o.oprcode
    WHERE r.classid = 'pg_catalog.pg_operator'::pg_catalog.regclass
      AND p.oid < 16384 AND p.proname ~ %(acting)s
    UNION ALL
    SELECT 'function', p.pronamespace, p.proname, p.proowner
    FROM reached AS r
    JOIN pg_catalog.pg_cast AS c ON c.oid = r.objid
    JOIN volatile AS v ON v.oid = c.castfunc
    JOIN pg_catalog.pg_proc AS p ON p.oid = v.oid
    WHERE r.classid = 'pg_catalog.pg_cast'::pg_catalog.regclass
),
bodies (schema_oid, name, body, language) AS (
    SELECT p.pronamespace, p.proname,
           pg_catalog.concat_ws(E'\n', p.prosrc, pg_catalog.array_to_string(p.proconfig, E'\n')),
           l.lanname
    FROM reached AS r
    JOIN pg_catalog.pg_proc AS p ON p.oid = r.objid
    JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
    WHERE r.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
      AND l.lanname NOT IN ('internal', 'c')
      AND p.prosrc <> ''
)
SELECT answer.kind, n.nspname::pg_catalog.text AS schema, answer.name::pg_catalog.text AS name,
       pg_catalog.pg_get_userbyid(answer.owner_oid)::pg_catalog.text AS owner, answer.body AS body,
       answer.language::pg_catalog.text AS language
FROM (
    (
        SELECT f.kind, f.schema_oid, f.name, f.owner_oid, NULL::pg_catalog.text, NULL::pg_catalog.name
        FROM found AS f
        ORDER BY 1, 3, 2
        LIMIT 1
    )
    UNION ALL
    SELECT 'body', b.schema_oid, b.name, NULL, b.body, b.language
    FROM bodies AS b
    WHERE NOT EXISTS (SELECT FROM found)
) AS answer (kind, schema_oid, name, owner_oid, body, language)
JOIN pg_catalog.pg_namespace AS n ON n.oid = answer.schema_oid
ORDER BY 1, 2, 3, 5
