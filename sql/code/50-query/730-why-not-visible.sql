-- Why a name of a request is not part of a surface.

CREATE OR REPLACE FUNCTION integratedb.why_not_visible(for_role oid, schema_name text, relation_name text, column_name text DEFAULT NULL)
RETURNS TABLE (answer text, message text, claim jsonb)
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY DEFINER -- claims are private: they are shown to admins, and to roles that may become the stakeholder
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  acting CONSTANT name := coalesce(nullif(current_setting('role'), 'none')::name, SESSION_USER);
  of_stakeholder CONSTANT integratedb.stakeholder := (
    SELECT st FROM integratedb.stakeholder AS st JOIN integratedb.stakeholder_role AS r ON r.stakeholder_id = st.id WHERE r.role_oid = for_role);
  path text;
  claims bigint[];
  unmet bigint[];
BEGIN
  IF NOT (pg_has_role(acting, for_role, 'MEMBER') OR integratedb.is_admin(acting))
     OR octet_length(schema_name) > 63 OR octet_length(relation_name) > 63 OR octet_length(column_name) > 63 THEN
    RETURN;
  END IF;
  path := integratedb.path_of(schema_name::name, relation_name::name) || coalesce('.' || quote_ident(column_name), '');

  IF of_stakeholder.id IS NULL THEN
    -- The catalogs show everybody what exists.
    IF EXISTS (
      SELECT FROM pg_namespace AS n
        JOIN pg_class AS k ON k.relnamespace = n.oid AND k.relname = relation_name AND k.relkind IN ('r', 'v', 'm', 'f', 'p')
       WHERE n.nspname = schema_name
         AND (column_name IS NULL
              OR EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = k.oid AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped)))
    THEN
      answer := 'no right';
      message := format('role %I has no right on %s', pg_get_userbyid(for_role), path);
      RETURN NEXT;
    END IF;
    RETURN;
  END IF;

  IF schema_name = of_stakeholder.name THEN
    RETURN;
  END IF;

  -- The names of a claim are those of its first alternatives.
  claims := ARRAY(
    SELECT c.id
      FROM integratedb.specification AS s
      JOIN integratedb.claim AS c ON c.specification_id = s.id
      JOIN integratedb.claim_relation AS first
        ON first.claim_id = c.id
       AND first.alternative = 0
       AND first.schema_name = why_not_visible.schema_name
       AND first.relation_name = why_not_visible.relation_name
     WHERE s.stakeholder_id = of_stakeholder.id
       AND (why_not_visible.column_name IS NULL
            OR EXISTS (
              SELECT FROM integratedb.claim_relation AS cr
                JOIN integratedb.claim_column AS cc ON cc.relation_id = cr.id
               WHERE cr.claim_id = c.id
                 AND cc.field_alternative = 0
                 AND cc.column_name = why_not_visible.column_name))
     ORDER BY c.id);
  IF cardinality(claims) = 0 THEN
    -- The answer is the same whether the relation exists or not.
    answer := 'not claimed';
    message := format('%s does not claim %s', of_stakeholder.name, path);
    claim := jsonb_build_object(
      'path', integratedb.path_of(schema_name::name, relation_name::name), 'fields', jsonb_build_array(coalesce(column_name, '*')));
    RETURN NEXT;
    RETURN;
  END IF;

  unmet := integratedb.unmet_among(claims);
  answer := 'unmet';
  message := coalesce(
    (SELECT string_agg(p.problem ->> 'message', '; ')
       FROM integratedb.describe_unmet(unmet) AS d
      CROSS JOIN LATERAL jsonb_array_elements(d.problems) AS p (problem)),
    format('%s claims %s, which does not exist or cannot be read now', of_stakeholder.name, path));
  RETURN NEXT;
END
$$;

COMMENT ON FUNCTION integratedb.why_not_visible(oid, text, text, text) IS
'Why a relation, or a column, is not part of the surface of a role. answer: not claimed (claim is the match that would '
'cure it), unmet (claimed, but the catalog does not satisfy it now), or no right (a role that is no stakeholder, which '
'lacks the privilege). The first answer is the same whether the relation exists or not. No row: it does not exist, or '
'the session may not become the role and is no admin.';
