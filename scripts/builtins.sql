-- The rule that selects the built-in functions that a query as data may call. scripts/builtins writes the result to
-- plpython/integratedb/query/plan/builtins.py; tests/sql/test_builtins.py compares the two on each version of Postgres.
--
-- A function is allowed by its oid. Postgres assigns the oids of its own functions once, for all versions. So a
-- function of a new version is not allowed until somebody adds its name here, and writes the list again.
--
-- A function is allowed if its name is judged below, and it is immutable or stable, returns one value, and has plain
-- values for arguments and result. Types of names, oids, reg*, xml, records and of the implementation are not plain:
-- functions with them look into catalogs or run SQL. Whoever judges a name asks:
--   - Does it tell anything but what its arguments say: settings, rights, catalogs, files, sessions, versions, addresses?
--   - Does it run SQL, lock, wait, or write? Then it is refused, whatever its volatility says (ts_rewrite, txid_current).
--   - Can a short request make it return a huge value (repeat, lpad, format, array_fill)? Then it is refused.
-- Functions whose time grows (regular expressions) are allowed: statement_timeout ends them.
WITH judged (allowed, refused) AS (
  SELECT string_to_array(
    'abbrev abs acos acosd acosh age any_value area array_agg array_append array_cat array_dims array_length array_lower '
    'array_ndims array_position array_positions array_prepend array_remove array_replace array_reverse array_sort '
    'array_to_json array_to_string array_to_tsvector array_upper ascii asin asind asinh atan atan2 atan2d atand atanh avg '
    'bit_and bit_count bit_length bit_or bit_xor bool_and bool_or bound_box box broadcast btrim cardinality casefold cbrt '
    'ceil ceiling center char_length character_length chr circle concat concat_ws corr cos cosd cosh cot cotd count '
    'covar_pop covar_samp crc32 crc32c cume_dist date date_add date_bin date_part date_subtract date_trunc '
    'datemultirange daterange decode degrees dense_rank diagonal diameter div encode erf erfc every exp extract family '
    'first_value floor gamma gcd get_bit get_byte height host hostmask inet_merge inet_same_family initcap int4multirange '
    'int4range int8multirange int8range is_normalized isclosed isempty isfinite isopen json_agg json_agg_strict json_array_length '
    'json_build_array json_build_object json_extract_path json_extract_path_text json_object json_object_agg '
    'json_object_agg_strict json_object_agg_unique json_object_agg_unique_strict jsonb_agg_strict jsonb_object_agg_strict '
    'jsonb_object_agg_unique jsonb_object_agg_unique_strict '
    'json_strip_nulls json_to_tsvector json_typeof jsonb_agg jsonb_array_length jsonb_build_array jsonb_build_object '
    'jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_agg jsonb_path_exists '
    'jsonb_path_exists_tz jsonb_path_match jsonb_path_match_tz jsonb_path_query_array jsonb_path_query_array_tz '
    'jsonb_path_query_first jsonb_path_query_first_tz jsonb_pretty jsonb_set jsonb_set_lax jsonb_strip_nulls '
    'jsonb_to_tsvector jsonb_typeof justify_days justify_hours justify_interval lag last_value lcm lead left length lgamma '
    'line ln log log10 lower lower_inc lower_inf lseg ltrim make_date make_interval make_time make_timestamp '
    'make_timestamptz masklen max md5 min min_scale mod multirange netmask network normalize now npoints nth_value ntile '
    'num_nonnulls num_nulls numnode nummultirange numrange octet_length overlaps overlay parse_ident percent_rank '
    'phraseto_tsquery pi plainto_tsquery point polygon position pow power querytree quote_ident quote_literal '
    'quote_nullable radians radius range_agg range_intersect_agg range_merge rank regexp_count regexp_instr regexp_like '
    'regexp_match regexp_replace regexp_split_to_array regexp_substr regr_avgx regr_avgy regr_count regr_intercept '
    'regr_r2 regr_slope regr_sxx regr_sxy regr_syy replace reverse right round row_number rtrim scale set_bit set_byte '
    'set_masklen sha224 sha256 sha384 sha512 sign sin sind sinh slope split_part sqrt starts_with statement_timestamp '
    'stddev stddev_pop stddev_samp string_agg string_to_array strip strpos substr substring sum tan tand tanh timezone '
    'to_ascii to_bin to_char to_date to_hex to_json to_jsonb to_number to_oct to_timestamp to_tsquery to_tsvector '
    'transaction_timestamp translate trim_array trim_scale trunc ts_delete ts_filter ts_headline ts_rank ts_rank_cd '
    'tsmultirange tsquery_phrase tsrange tstzmultirange tstzrange tsvector_to_array unicode_assigned unistr upper '
    'upper_inc upper_inf uuid_extract_timestamp uuid_extract_version var_pop var_samp variance websearch_to_tsquery width '
    'width_bucket', ' '),
    -- A regular expression: names that are judged and refused.
    '^(pg_|has_|inet_client_|inet_server_|txid_|lo_|currtid|xml|cursor_to_|query_to_|table_to_|schema_to_|database_to_)'
    '|^(array_fill|current_setting|enum_first|enum_last|enum_range|factorial|format|icu_unicode_version|json_populate_record'
    '|jsonb_populate_record|jsonb_populate_record_valid|like|like_escape|lpad|mode|notlike|percentile_cont|percentile_disc|repeat|row_security_active'
    '|rpad|similar_escape|similar_to_escape|system_user|to_regtypemod|ts_rewrite|unicode_version|version)$'
    -- The implementation of types, operators and other functions, under names that are no interface.
    '|^(daterange|int4range|int8range|numrange|tsrange|tstzrange)_(canonical|subdiff)$'
    '|^(dexp|dlog1|dlog10|dround|dsqrt|dtrunc|enum_send|int4inc|int8_sum|int8inc|ishorizontal|isparallel|isperp|isvertical'
    '|macaddr8_set7bit|numeric_.*|pclose|popen|textlen|timestamp|timestamptz)$'
), base AS (
  SELECT t.oid, t.typarray
    FROM pg_catalog.pg_type AS t
   WHERE t.typnamespace = 'pg_catalog'::regnamespace
     AND t.typname = ANY (
       '{bool,int2,int4,int8,numeric,float4,float8,text,varchar,bpchar,bytea,date,time,timetz,timestamp,timestamptz,interval,
         uuid,json,jsonb,jsonpath,inet,cidr,macaddr,macaddr8,bit,varbit,point,line,lseg,box,path,polygon,circle,tsvector,
         tsquery,int4range,int8range,numrange,tsrange,tstzrange,daterange,int4multirange,int8multirange,nummultirange,
         tsmultirange,tstzmultirange,datemultirange,anyelement,anyarray,anynonarray,anyrange,anymultirange,anyenum,
         anycompatible,anycompatiblearray,anycompatiblenonarray,anycompatiblerange,anycompatiblemultirange,any}'::name[])
), plain AS (
  SELECT oid FROM base UNION SELECT typarray FROM base WHERE typarray <> 0
), implementation AS (
  SELECT o.oprcode::oid AS oid FROM pg_catalog.pg_operator AS o
  UNION
  SELECT a.amproc::oid FROM pg_catalog.pg_amproc AS a
  UNION
  SELECT c.castfunc FROM pg_catalog.pg_cast AS c
  UNION
  SELECT unnest(ARRAY[t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout]::oid[]) FROM pg_catalog.pg_type AS t
  UNION
  SELECT unnest(ARRAY[a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn]::oid[]) FROM pg_catalog.pg_aggregate AS a
), possible AS (
  SELECT p.*
    FROM pg_catalog.pg_proc AS p
   WHERE p.pronamespace = 'pg_catalog'::regnamespace
     AND p.oid < 10000  -- FirstGenbkiObjectId: oids below are the same in all versions
     AND p.prokind IN ('f', 'a', 'w')
     AND p.provolatile IN ('i', 's')
     AND NOT p.proretset
     AND NOT EXISTS (SELECT FROM unnest(p.proargmodes) AS m WHERE m NOT IN ('i', 'v'))
     AND NOT EXISTS (SELECT FROM unnest(array_append(p.proargtypes::oid[], p.prorettype)) AS t WHERE t NOT IN (SELECT oid FROM plain))
     -- Ordered-set aggregates have a grammar of their own.
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_aggregate AS a WHERE a.aggfnoid = p.oid AND a.aggkind <> 'n')
), allowed AS (
  SELECT p.* FROM possible AS p, judged AS j WHERE p.proname = ANY (j.allowed)
)
SELECT 'function' AS what, a.proname AS name,
       concat_ws(' ', a.oid, a.proname, a.prokind, a.pronargdefaults, CASE WHEN a.provariadic <> 0 THEN 'v' ELSE '-' END,
         (SELECT coalesce(string_agg(t.typname, ',' ORDER BY u.place), '-')
            FROM unnest(a.proargtypes) WITH ORDINALITY AS u (oid, place) JOIN pg_catalog.pg_type AS t ON t.oid = u.oid),
         (SELECT t.typname FROM pg_catalog.pg_type AS t WHERE t.oid = a.prorettype)) AS line
  FROM allowed AS a
UNION ALL
SELECT 'type', t.typname,
       concat_ws(' ', t.oid, t.typname, t.typcategory, CASE WHEN t.typispreferred THEN 'p' ELSE '-' END, coalesce(e.typname, '-'), format_type(t.oid, NULL))
  FROM plain
  JOIN pg_catalog.pg_type AS t USING (oid)
  LEFT JOIN pg_catalog.pg_type AS e ON e.oid = t.typelem AND t.typcategory = 'A'
 WHERE t.typtype <> 'p' AND t.typname <> '_any'
UNION ALL
SELECT DISTINCT 'unjudged', p.proname, p.proname::text
  FROM possible AS p, judged AS j
 WHERE p.proname <> ALL (j.allowed)
   AND p.proname !~ j.refused
   AND p.oid NOT IN (SELECT i.oid FROM implementation AS i WHERE i.oid IS NOT NULL)
 ORDER BY 1, 2, 3
