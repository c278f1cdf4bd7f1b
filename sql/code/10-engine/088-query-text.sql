-- The client's statement as the audit log stores it: the text without the secrets that it may contain.

CREATE OR REPLACE FUNCTION integratedb.with_masks(pieces text[], literals integer[], mask text)
RETURNS text[]
LANGUAGE plpgsql
IMMUTABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  number integer;
  before integer;
BEGIN
  FOREACH number IN ARRAY literals LOOP
    -- Two quotes in a literal are one quote, and the pieces of such a literal follow one another. They get one mask.
    pieces[number] := CASE WHEN number = before + 1 THEN '' ELSE mask END;
    before := number;
  END LOOP;
  RETURN pieces;
END
$$;

COMMENT ON FUNCTION integratedb.with_masks(text[], integer[], text) IS
'The pieces of a text, with the pieces of these numbers masked.';

CREATE OR REPLACE FUNCTION integratedb.masked(query text)
RETURNS text
LANGUAGE plpgsql
IMMUTABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  -- The patterns use no backslash literals, so that no setting of the session changes their meaning.
  backslash CONSTANT text := chr(92);
  mask CONSTANT text := '''***''';
  uncertain CONSTANT text := '/* left out: the text may hold a secret */';
  ours CONSTANT text := '/* left out: the text names functions of integratedb */';

  -- The only names of IntegrateDB that are not calls: the group roles, and the extension itself.
  harmless_names CONSTANT text :=
    '[[:<:]](integratedb_(admin|archive|daemon|management)|extension[[:space:]]+(if[[:space:]]+(not[[:space:]]+)?exists[[:space:]]+)?"?integratedb)[[:>:]]';

  -- Literals of these statements describe a schema: defaults, labels, conditions.
  definition CONSTANT text :=
    '^[[:space:]]*(create[[:space:]]+(or[[:space:]]+replace[[:space:]]+)?((global|local|temporary|temp|unlogged|recursive|materialized|unique)[[:space:]]+)*'
    '(table|view|index|type|domain|schema|policy|publication)'
    '|alter[[:space:]]+(materialized[[:space:]]+)?(table|view|index|type|domain|schema|policy|publication)'
    '|set[[:space:]]+((session|local)[[:space:]]+)?(search_path|lock_timeout|statement_timeout|client_min_messages|client_encoding|timezone|datestyle'
    '|row_security|check_function_bodies|standard_conforming_strings|synchronous_commit|default_tablespace|work_mem|maintenance_work_mem))[[:>:]]';
  new_table CONSTANT text := '^[[:space:]]*create[[:space:]]+([a-z]+[[:space:]]+)*table[[:>:]]';

  -- After these words, literals in a parenthesis are not arguments of an unknown function.
  openers CONSTANT text[] := ARRAY[
    'all', 'and', 'any', 'as', 'between', 'by', 'cast', 'check', 'coalesce', 'current_setting', 'date_trunc', 'default', 'else', 'enum', 'exists',
    'extract', 'filter', 'from', 'greatest', 'having', 'ilike', 'in', 'include', 'least', 'length', 'like', 'lower', 'nextval', 'not', 'nullif', 'on',
    'or', 'over', 'returning', 'select', 'set', 'some', 'then', 'to', 'to_tsvector', 'upper', 'using', 'values', 'when', 'where', 'with'];
  sensitive_name CONSTANT text := 'passw|pwd|secret|token|credential|api_?key|private_?key|access_?key';
  sensitive_value CONSTANT text := sensitive_name || '|://';

  -- A word before a parenthesis, and a character that a name cannot contain.
  last_word CONSTANT text := '([^][:space:]!#%&+,:<=>?@^`{|}~[-]*)[[:space:]]*$';
  no_name CONSTANT text := '[] -#%-/:-@[-^`{-~[:space:]]';

  -- The collation "C" makes lower() fold ASCII letters only, as Postgres does for names and keywords.
  cut CONSTANT text COLLATE "C" := left(query, 8192);

  -- Each atom is a run of characters without a meaning for the lexer, and the one character with a meaning that ends
  -- the run.
  atoms CONSTANT text := '([^''"$;()/*' || backslash || backslash || '-]*)([''"$;()/*' || backslash || backslash || '-]?)';
  run text COLLATE "C";
  sign text COLLATE "C";
  shown text COLLATE "C";
  word text COLLATE "C";

  -- The state of the lexer: code, a literal, an escape literal (E), a quoted name, a dollar quote, a line comment or a
  -- block comment.
  state text := 'code';
  held text := '';          -- the previous sign, if the two may have a meaning together
  delimiter text;           -- of the dollar quote
  nesting integer;          -- depth of block comments
  literal text COLLATE "C"; -- the text of the literal so far
  closed text;              -- the state of the literal that ended with the previous atom: a further quote opens it again
  escaped boolean;

  -- The current statement.
  head text COLLATE "C" := ''; -- the text up to the first parenthesis
  decided boolean := false; -- whether the text so far shows the kind of the statement
  defines boolean := false; -- whether the statement is a definition
  is_table boolean := false;
  tail text COLLATE "C" := ''; -- the code before a parenthesis, across comments
  after_name boolean := false; -- whether a quoted name stands before the parenthesis
  depth integer := 0;
  opened boolean := false;
  call_depth integer;       -- of the outermost call of an unknown function
  is_sensitive boolean := false;
  in_set boolean := false;
  is_hidden boolean := false; -- from the value of a setting to the end of the statement
  hides boolean;            -- whether the literal is masked
  shown_literals integer[] := ARRAY[]::integer[]; -- the pieces that are literals and shown so far

  pieces text[] := ARRAY[]::text[];
BEGIN
  -- Most statements contain nothing that could be a secret.
  IF cut IS NULL OR cut !~* '[''$]|--|/[*]|&"|[[:<:]]set[[:>:]]|integratedb' THEN
    RETURN cut;
  END IF;

  IF strpos(lower(cut), 'integratedb') > 0
     AND strpos(lower(regexp_replace(cut, harmless_names, ' ', 'gi')), 'integratedb') > 0 THEN
    RETURN ours;
  END IF;

  FOR run, sign IN SELECT a[1], a[2] FROM regexp_matches(cut, atoms, 'g') AS a LOOP
    IF state = 'literal' OR state = 'escape' THEN
      literal := literal || run;

      IF state = 'escape' THEN
        escaped := run = '' AND escaped;
        IF sign = backslash AND NOT escaped OR sign = '''' AND escaped THEN
          escaped := sign = backslash;
          literal := literal || sign;
          CONTINUE;
        END IF;
        escaped := false;
      END IF;

      IF sign = '''' THEN
        -- standard_conforming_strings, at the time when Postgres read the text, decides whether this sign ends the
        -- literal.
        IF state = 'literal' AND run = '' AND held = backslash THEN
          RETURN uncertain;
        END IF;
        is_sensitive := is_sensitive OR literal ~* sensitive_value;
        IF is_sensitive THEN
          hides := true;
        END IF;
        IF NOT is_hidden THEN
          IF NOT hides THEN
            shown_literals := shown_literals || (cardinality(pieces) + 1);
          END IF;
          pieces := pieces || CASE WHEN NOT hides THEN '''' || literal || ''''
                                   -- Two quotes in a literal are one quote, and this literal is masked already.
                                   WHEN closed IS NULL OR pieces[cardinality(pieces)] <> mask THEN mask ELSE '' END;
        END IF;
        closed := state;
        state := 'code';
        held := '';
      ELSE
        literal := literal || sign;
        held := sign;
      END IF;
      CONTINUE;

    ELSIF state = 'name' THEN
      is_sensitive := is_sensitive OR run ~* sensitive_name;
      IF NOT is_hidden THEN
        pieces := pieces || (run || sign);
      END IF;
      IF sign = '"' THEN
        state := 'code';
        after_name := true;
      END IF;
      CONTINUE;

    ELSIF state = 'dollar' THEN
      IF sign = '$' AND held = '$' AND '$' || run || '$' = delimiter THEN
        state := 'code';
        held := '';
      ELSE
        held := sign;
      END IF;
      CONTINUE;

    ELSIF state = 'block' THEN
      IF run = '' AND held = '*' AND sign = '/' THEN
        nesting := nesting - 1;
        held := '';
        IF nesting = 0 THEN
          state := 'code';
        END IF;
      ELSIF run = '' AND held = '/' AND sign = '*' THEN
        nesting := nesting + 1;
        held := '';
      ELSE
        held := sign;
      END IF;
      CONTINUE;

    ELSIF state = 'line' THEN
      run := substring(run FROM E'[\n\r].*$');
      IF run IS NULL THEN
        CONTINUE;
      END IF;
      state := 'code';
    END IF;

    -- In code, two signs may open something together. Otherwise the first sign is an ordinary character.
    IF held <> '' THEN
      IF held = '-' AND run = '' AND sign = '-' THEN
        pieces := pieces || '-- ...'::text;
        head := head || ' ';
        tail := tail || ' ';
        state := 'line';
        held := '';
        CONTINUE;
      ELSIF held = '/' AND run = '' AND sign = '*' THEN
        pieces := pieces || '/* ... */'::text;
        head := head || ' ';
        tail := tail || ' ';
        state := 'block';
        nesting := 1;
        held := '';
        CONTINUE;
      ELSIF held = '$' AND sign = '$' AND run !~ ('^[0-9]|' || no_name) THEN
        IF NOT is_hidden THEN
          pieces := pieces || mask;
        END IF;
        state := 'dollar';
        delimiter := '$' || run || '$';
        held := '';
        CONTINUE;
      END IF;
      run := held || run;
      held := '';
    ELSIF sign = '''' AND run = '' AND closed IS NOT NULL THEN
      state := closed;
      literal := '';
      escaped := false;
      CONTINUE;
    END IF;

    closed := NULL;
    tail := tail || run;

    IF run <> '' THEN
      is_sensitive := is_sensitive OR run ~* sensitive_name;
      IF NOT opened THEN
        head := head || run;
      END IF;
      IF NOT decided THEN
        defines := head ~* definition;
        is_table := defines AND head ~* new_table;
      END IF;
      IF is_table AND depth = 0 AND run ~* '[[:<:]](as|select|execute)[[:>:]]' THEN
        -- The rows of the table come from a query, so the statement is not a definition.
        defines := false;
        is_table := false;
        decided := true;
      END IF;

      IF NOT is_hidden THEN
        shown := run;
        IF NOT defines AND (in_set OR run ~* '[[:<:]]set[[:>:]]') THEN
          shown := substring(run FROM CASE WHEN in_set THEN '(?i)^.*?(?:[[:<:]]to[[:>:]]|=)'
                                           ELSE '(?i)^.*?[[:<:]]set[[:>:]].*?(?:[[:<:]]to[[:>:]]|=)' END) || ' ***';
          in_set := true;
          is_hidden := shown IS NOT NULL;
        END IF;
        pieces := pieces || coalesce(shown, run);
      END IF;
    END IF;

    IF sign = '''' THEN
      decided := true;
      state := CASE WHEN run ~* ('(^|' || no_name || ')e$') THEN 'escape' ELSE 'literal' END;
      literal := '';
      escaped := false;
      hides := NOT defines OR is_sensitive OR call_depth IS NOT NULL;
      after_name := false;
      tail := '';

    ELSIF sign = '"' THEN
      IF run ~* 'u&$' THEN
        RETURN uncertain;
      END IF;
      decided := true;
      IF NOT is_hidden THEN
        pieces := pieces || sign;
      END IF;
      state := 'name';
      tail := '';

    ELSIF sign = '(' THEN
      decided := true;
      depth := depth + 1;
      -- The first parenthesis of CREATE TABLE holds its columns.
      IF call_depth IS NULL AND (opened OR NOT is_table) THEN
        word := lower(substring(tail FROM last_word));
        IF (word <> '' OR after_name) AND word <> ALL (openers) THEN
          call_depth := depth;
        END IF;
      END IF;
      opened := true;
      after_name := false;
      tail := '';
      IF NOT is_hidden THEN
        pieces := pieces || sign;
      END IF;

    ELSIF sign = ')' THEN
      IF call_depth = depth THEN
        call_depth := NULL;
      END IF;
      depth := greatest(depth - 1, 0);
      after_name := false;
      tail := '';
      IF NOT is_hidden THEN
        pieces := pieces || sign;
      END IF;

    ELSIF sign = ';' THEN
      -- The name that makes a literal a secret may follow the literal: WHERE 'x' = password.
      IF is_sensitive THEN
        pieces := integratedb.with_masks(pieces, shown_literals, mask);
      END IF;
      shown_literals := ARRAY[]::integer[];
      pieces := pieces || sign;
      head := '';
      decided := false;
      defines := false;
      is_table := false;
      tail := '';
      after_name := false;
      depth := 0;
      opened := false;
      call_depth := NULL;
      is_sensitive := false;
      in_set := false;
      is_hidden := false;

    ELSIF sign = '$' AND run <> '' AND run !~ (no_name || '$') THEN
      -- A name with a dollar sign is rare, so the text is left out.
      RETURN uncertain;

    ELSE
      held := sign;
    END IF;
  END LOOP;

  -- Postgres never accepts a text that ends inside a literal or a comment. So this function read the text in another
  -- way than Postgres.
  IF state NOT IN ('code', 'line') AND length(query) < 8192 THEN
    RETURN uncertain;
  END IF;

  -- The cut may have removed a name that makes a literal a secret.
  IF is_sensitive OR length(query) >= 8192 THEN
    pieces := integratedb.with_masks(pieces, shown_literals, mask);
  END IF;

  -- A literal that the cut left open is masked to its end.
  IF state IN ('literal', 'escape') AND NOT is_hidden THEN
    pieces := pieces || mask;
  ELSIF state = 'code' AND NOT is_hidden THEN
    pieces := pieces || held;
  END IF;

  RETURN left(array_to_string(pieces, ''), 8192);
END
$$;

COMMENT ON FUNCTION integratedb.masked(text) IS
'The text of a statement as the audit log may store it, cut at 8 kB. Comments are left out. Literals are masked '
'unless they define a schema, and values of settings are masked. A fixed remark replaces a text that names functions '
'of IntegrateDB, or in which the end of a literal is in doubt.';

CREATE OR REPLACE FUNCTION integratedb.masked_query()
RETURNS text
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  RETURN integratedb.masked(current_query());
END
$$;

COMMENT ON FUNCTION integratedb.masked_query() IS 'The client''s statement, as the audit log may store it.';
