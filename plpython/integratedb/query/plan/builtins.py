"""Contains the built-in functions that queries as data may call, by oid, and their types.

scripts/builtins writes it, by the rule in scripts/builtins.sql; a test compares the two.
"""

#: A name, and its functions: oid, kind (f, a: aggregate, w: window function), number of defaults, v: variadic, types of
#: the arguments, type of the result.
FUNCTIONS = """
abbrev 598:f0-:inet:text 599:f0-:cidr:text
abs 1394:f0-:float4:float4 1395:f0-:float8:float8 1396:f0-:int8:int8 1397:f0-:int4:int4 1398:f0-:int2:int2
abs 1705:f0-:numeric:numeric
acos 1601:f0-:float8:float8
acosd 2732:f0-:float8:float8
acosh 2466:f0-:float8:float8
age 1199:f0-:timestamptz,timestamptz:interval 1386:f0-:timestamptz:interval 2058:f0-:timestamp,timestamp:interval
age 2059:f0-:timestamp:interval
any_value 6291:a0-:anyelement:anyelement
area 975:f0-:box:float8 979:f0-:path:float8 1468:f0-:circle:float8
array_agg 2335:a0-:anynonarray:anyarray 4053:a0-:anyarray:anyarray
array_append 378:f0-:anycompatiblearray,anycompatible:anycompatiblearray
array_cat 383:f0-:anycompatiblearray,anycompatiblearray:anycompatiblearray
array_dims 747:f0-:anyarray:text
array_length 2176:f0-:anyarray,int4:int4
array_lower 2091:f0-:anyarray,int4:int4
array_ndims 748:f0-:anyarray:int4
array_position 3277:f0-:anycompatiblearray,anycompatible:int4 3278:f0-:anycompatiblearray,anycompatible,int4:int4
array_positions 3279:f0-:anycompatiblearray,anycompatible:_int4
array_prepend 379:f0-:anycompatible,anycompatiblearray:anycompatiblearray
array_remove 3167:f0-:anycompatiblearray,anycompatible:anycompatiblearray
array_replace 3168:f0-:anycompatiblearray,anycompatible,anycompatible:anycompatiblearray
array_reverse 6381:f0-:anyarray:anyarray
array_sort 6388:f0-:anyarray:anyarray 6389:f0-:anyarray,bool:anyarray 6390:f0-:anyarray,bool,bool:anyarray
array_to_json 3153:f0-:anyarray:json 3154:f0-:anyarray,bool:json
array_to_string 384:f0-:anyarray,text,text:text 395:f0-:anyarray,text:text
array_to_tsvector 3327:f0-:_text:tsvector
array_upper 2092:f0-:anyarray,int4:int4
ascii 1620:f0-:text:int4
asin 1600:f0-:float8:float8
asind 2731:f0-:float8:float8
asinh 2465:f0-:float8:float8
atan 1602:f0-:float8:float8
atan2 1603:f0-:float8,float8:float8
atan2d 2734:f0-:float8,float8:float8
atand 2733:f0-:float8:float8
atanh 2467:f0-:float8:float8
avg 2100:a0-:int8:numeric 2101:a0-:int4:numeric 2102:a0-:int2:numeric 2103:a0-:numeric:numeric 2104:a0-:float4:float8
avg 2105:a0-:float8:float8 2106:a0-:interval:interval
bit_and 2236:a0-:int2:int2 2238:a0-:int4:int4 2240:a0-:int8:int8 2242:a0-:bit:bit
bit_count 6162:f0-:bit:int8 6163:f0-:bytea:int8
bit_length 1810:f0-:bytea:int4 1811:f0-:text:int4 1812:f0-:bit:int4
bit_or 2237:a0-:int2:int2 2239:a0-:int4:int4 2241:a0-:int8:int8 2243:a0-:bit:bit
bit_xor 6164:a0-:int2:int2 6165:a0-:int4:int4 6166:a0-:int8:int8 6167:a0-:bit:bit
bool_and 2517:a0-:bool:bool
bool_or 2518:a0-:bool:bool
bound_box 4067:f0-:box,box:box
box 1421:f0-:point,point:box 1446:f0-:polygon:box 1480:f0-:circle:box 4091:f0-:point:box
broadcast 698:f0-:inet:inet
btrim 884:f0-:text,text:text 885:f0-:text:text 2015:f0-:bytea,bytea:bytea
cardinality 3179:f0-:anyarray:int4
casefold 6412:f0-:text:text
cbrt 1345:f0-:float8:float8
ceil 1711:f0-:numeric:numeric 2308:f0-:float8:float8
ceiling 2167:f0-:numeric:numeric 2320:f0-:float8:float8
center 1542:f0-:box:point 1543:f0-:circle:point
char_length 1372:f0-:bpchar:int4 1381:f0-:text:int4
character_length 1367:f0-:bpchar:int4 1369:f0-:text:int4
chr 1621:f0-:int4:text
circle 1473:f0-:point,float8:circle 1474:f0-:polygon:circle 1479:f0-:box:circle
concat 3058:f0v:any:text
concat_ws 3059:f0v:text,any:text
corr 2829:a0-:float8,float8:float8
cos 1605:f0-:float8:float8
cosd 2736:f0-:float8:float8
cosh 2463:f0-:float8:float8
cot 1607:f0-:float8:float8
cotd 2738:f0-:float8:float8
count 2147:a0-:any:int8 2803:a0-:-:int8
covar_pop 2827:a0-:float8,float8:float8
covar_samp 2828:a0-:float8,float8:float8
crc32 6364:f0-:bytea:int8
crc32c 6365:f0-:bytea:int8
cume_dist 3104:w0-:-:float8
date 1178:f0-:timestamptz:date 2029:f0-:timestamp:date
date_add 6221:f0-:timestamptz,interval:timestamptz 6222:f0-:timestamptz,interval,text:timestamptz
date_bin 6177:f0-:interval,timestamp,timestamp:timestamp 6178:f0-:interval,timestamptz,timestamptz:timestamptz
date_part 1171:f0-:text,timestamptz:float8 1172:f0-:text,interval:float8 1273:f0-:text,timetz:float8
date_part 1384:f0-:text,date:float8 1385:f0-:text,time:float8 2021:f0-:text,timestamp:float8
date_subtract 6223:f0-:timestamptz,interval:timestamptz 6273:f0-:timestamptz,interval,text:timestamptz
date_trunc 1217:f0-:text,timestamptz:timestamptz 1218:f0-:text,interval:interval
date_trunc 1284:f0-:text,timestamptz,text:timestamptz 2020:f0-:text,timestamp:timestamp
datemultirange 4292:f0-:-:datemultirange 4293:f0-:daterange:datemultirange 4294:f0v:_daterange:datemultirange
daterange 3941:f0-:date,date:daterange 3942:f0-:date,date,text:daterange
decode 1947:f0-:text,text:bytea
degrees 1608:f0-:float8:float8
dense_rank 3102:w0-:-:int8
diagonal 981:f0-:box:lseg
diameter 1469:f0-:circle:float8
div 1973:f0-:numeric,numeric:numeric
encode 1946:f0-:bytea,text:text
erf 6219:f0-:float8:float8
erfc 6220:f0-:float8:float8
every 2519:a0-:bool:bool
exp 1347:f0-:float8:float8 1732:f0-:numeric:numeric
extract 6199:f0-:text,date:numeric 6200:f0-:text,time:numeric 6201:f0-:text,timetz:numeric
extract 6202:f0-:text,timestamp:numeric 6203:f0-:text,timestamptz:numeric 6204:f0-:text,interval:numeric
family 711:f0-:inet:int4
first_value 3112:w0-:anyelement:anyelement
floor 1712:f0-:numeric:numeric 2309:f0-:float8:float8
gamma 6383:f0-:float8:float8
gcd 5044:f0-:int4,int4:int4 5045:f0-:int8,int8:int8 5048:f0-:numeric,numeric:numeric
get_bit 723:f0-:bytea,int8:int4 3032:f0-:bit,int4:int4
get_byte 721:f0-:bytea,int4:int4
height 977:f0-:box:float8
host 699:f0-:inet:text
hostmask 1362:f0-:inet:inet
inet_merge 4063:f0-:inet,inet:cidr
inet_same_family 4071:f0-:inet,inet:bool
initcap 872:f0-:text:text
int4multirange 4280:f0-:-:int4multirange 4281:f0-:int4range:int4multirange 4282:f0v:_int4range:int4multirange
int4range 3840:f0-:int4,int4:int4range 3841:f0-:int4,int4,text:int4range
int8multirange 4295:f0-:-:int8multirange 4296:f0-:int8range:int8multirange 4297:f0v:_int8range:int8multirange
int8range 3945:f0-:int8,int8:int8range 3946:f0-:int8,int8,text:int8range
is_normalized 4351:f1-:text,text:bool
isclosed 1430:f0-:path:bool
isempty 3850:f0-:anyrange:bool 4237:f0-:anymultirange:bool
isfinite 1373:f0-:date:bool 1389:f0-:timestamptz:bool 1390:f0-:interval:bool 2048:f0-:timestamp:bool
isopen 1431:f0-:path:bool
json_agg 3175:a0-:anyelement:json
json_agg_strict 6276:a0-:anyelement:json
json_array_length 3956:f0-:json:int4
json_build_array 3198:f0v:any:json 3199:f0-:-:json
json_build_object 3200:f0v:any:json 3201:f0-:-:json
json_extract_path 3951:f0v:json,_text:json
json_extract_path_text 3953:f0v:json,_text:text
json_object 3202:f0-:_text:json 3203:f0-:_text,_text:json
json_object_agg 3197:a0-:any,any:json
json_object_agg_strict 6280:a0-:any,any:json
json_object_agg_unique 6281:a0-:any,any:json
json_object_agg_unique_strict 6282:a0-:any,any:json
json_strip_nulls 3261:f1-:json,bool:json
json_to_tsvector 4215:f0-:json,jsonb:tsvector
json_typeof 3968:f0-:json:text
jsonb_agg 3267:a0-:anyelement:jsonb
jsonb_agg_strict 6284:a0-:anyelement:jsonb
jsonb_array_length 3207:f0-:jsonb:int4
jsonb_build_array 3271:f0v:any:jsonb 3272:f0-:-:jsonb
jsonb_build_object 3273:f0v:any:jsonb 3274:f0-:-:jsonb
jsonb_extract_path 3217:f0v:jsonb,_text:jsonb
jsonb_extract_path_text 3940:f0v:jsonb,_text:text
jsonb_insert 3579:f1-:jsonb,_text,jsonb,bool:jsonb
jsonb_object 3263:f0-:_text:jsonb 3264:f0-:_text,_text:jsonb
jsonb_object_agg 3270:a0-:any,any:jsonb
jsonb_object_agg_strict 6288:a0-:any,any:jsonb
jsonb_object_agg_unique 6289:a0-:any,any:jsonb
jsonb_object_agg_unique_strict 6290:a0-:any,any:jsonb
jsonb_path_exists 4005:f2-:jsonb,jsonpath,jsonb,bool:bool
jsonb_path_exists_tz 1177:f2-:jsonb,jsonpath,jsonb,bool:bool
jsonb_path_match 4009:f2-:jsonb,jsonpath,jsonb,bool:bool
jsonb_path_match_tz 2030:f2-:jsonb,jsonpath,jsonb,bool:bool
jsonb_path_query_array 4007:f2-:jsonb,jsonpath,jsonb,bool:jsonb
jsonb_path_query_array_tz 1180:f2-:jsonb,jsonpath,jsonb,bool:jsonb
jsonb_path_query_first 4008:f2-:jsonb,jsonpath,jsonb,bool:jsonb
jsonb_path_query_first_tz 2023:f2-:jsonb,jsonpath,jsonb,bool:jsonb
jsonb_pretty 3306:f0-:jsonb:text
jsonb_set 3305:f1-:jsonb,_text,jsonb,bool:jsonb
jsonb_set_lax 5054:f2-:jsonb,_text,jsonb,bool,text:jsonb
jsonb_strip_nulls 3262:f1-:jsonb,bool:jsonb
jsonb_to_tsvector 4213:f0-:jsonb,jsonb:tsvector
jsonb_typeof 3210:f0-:jsonb:text
justify_days 1295:f0-:interval:interval
justify_hours 1175:f0-:interval:interval
justify_interval 2711:f0-:interval:interval
lag 3106:w0-:anyelement:anyelement 3107:w0-:anyelement,int4:anyelement
lag 3108:w0-:anycompatible,int4,anycompatible:anycompatible
last_value 3113:w0-:anyelement:anyelement
lcm 5046:f0-:int4,int4:int4 5047:f0-:int8,int8:int8 5049:f0-:numeric,numeric:numeric
lead 3109:w0-:anyelement:anyelement 3110:w0-:anyelement,int4:anyelement
lead 3111:w0-:anycompatible,int4,anycompatible:anycompatible
left 3060:f0-:text,int4:text
length 1317:f0-:text:int4 1318:f0-:bpchar:int4 1530:f0-:lseg:float8 1531:f0-:path:float8 1681:f0-:bit:int4
length 2010:f0-:bytea:int4 3711:f0-:tsvector:int4
lgamma 6384:f0-:float8:float8
line 1493:f0-:point,point:line
ln 1341:f0-:float8:float8 1734:f0-:numeric:numeric
log 1340:f0-:float8:float8 1736:f0-:numeric,numeric:numeric 1741:f0-:numeric:numeric
log10 1194:f0-:float8:float8 1481:f0-:numeric:numeric
lower 870:f0-:text:text 3848:f0-:anyrange:anyelement 4235:f0-:anymultirange:anyelement
lower_inc 3851:f0-:anyrange:bool 4238:f0-:anymultirange:bool
lower_inf 3853:f0-:anyrange:bool 4240:f0-:anymultirange:bool
lseg 993:f0-:point,point:lseg 1541:f0-:box:lseg
ltrim 875:f0-:text,text:text 881:f0-:text:text 6195:f0-:bytea,bytea:bytea
make_date 3846:f0-:int4,int4,int4:date
make_interval 3464:f7-:int4,int4,int4,int4,int4,int4,float8:interval
make_time 3847:f0-:int4,int4,float8:time
make_timestamp 3461:f0-:int4,int4,int4,int4,int4,float8:timestamp
make_timestamptz 3462:f0-:int4,int4,int4,int4,int4,float8:timestamptz
make_timestamptz 3463:f0-:int4,int4,int4,int4,int4,float8,text:timestamptz
masklen 697:f0-:inet:int4
max 2050:a0-:anyarray:anyarray 2115:a0-:int8:int8 2116:a0-:int4:int4 2117:a0-:int2:int2 2119:a0-:float4:float4
max 2120:a0-:float8:float8 2122:a0-:date:date 2123:a0-:time:time 2124:a0-:timetz:timetz 2126:a0-:timestamp:timestamp
max 2127:a0-:timestamptz:timestamptz 2128:a0-:interval:interval 2129:a0-:text:text 2130:a0-:numeric:numeric
max 2244:a0-:bpchar:bpchar 3526:a0-:anyenum:anyenum 3564:a0-:inet:inet 6395:a0-:bytea:bytea
md5 2311:f0-:text:text 2321:f0-:bytea:text
min 2051:a0-:anyarray:anyarray 2131:a0-:int8:int8 2132:a0-:int4:int4 2133:a0-:int2:int2 2135:a0-:float4:float4
min 2136:a0-:float8:float8 2138:a0-:date:date 2139:a0-:time:time 2140:a0-:timetz:timetz 2142:a0-:timestamp:timestamp
min 2143:a0-:timestamptz:timestamptz 2144:a0-:interval:interval 2145:a0-:text:text 2146:a0-:numeric:numeric
min 2245:a0-:bpchar:bpchar 3527:a0-:anyenum:anyenum 3565:a0-:inet:inet 6396:a0-:bytea:bytea
min_scale 5042:f0-:numeric:int4
mod 940:f0-:int2,int2:int2 941:f0-:int4,int4:int4 947:f0-:int8,int8:int8 1728:f0-:numeric,numeric:numeric
multirange 4298:f0-:anyrange:anymultirange
netmask 696:f0-:inet:inet
network 683:f0-:inet:cidr
normalize 4350:f1-:text,text:text
now 1299:f0-:-:timestamptz
npoints 1545:f0-:path:int4 1556:f0-:polygon:int4
nth_value 3114:w0-:anyelement,int4:anyelement
ntile 3105:w0-:int4:int4
num_nonnulls 440:f0v:any:int4
num_nulls 438:f0v:any:int4
nummultirange 4283:f0-:-:nummultirange 4284:f0-:numrange:nummultirange 4285:f0v:_numrange:nummultirange
numnode 3672:f0-:tsquery:int4
numrange 3844:f0-:numeric,numeric:numrange 3845:f0-:numeric,numeric,text:numrange
octet_length 720:f0-:bytea:int4 1374:f0-:text:int4 1375:f0-:bpchar:int4 1682:f0-:bit:int4
overlaps 1271:f0-:timetz,timetz,timetz,timetz:bool 1304:f0-:timestamptz,timestamptz,timestamptz,timestamptz:bool
overlaps 1305:f0-:timestamptz,interval,timestamptz,interval:bool
overlaps 1306:f0-:timestamptz,timestamptz,timestamptz,interval:bool
overlaps 1307:f0-:timestamptz,interval,timestamptz,timestamptz:bool 1308:f0-:time,time,time,time:bool
overlaps 1309:f0-:time,interval,time,interval:bool 1310:f0-:time,time,time,interval:bool
overlaps 1311:f0-:time,interval,time,time:bool 2041:f0-:timestamp,timestamp,timestamp,timestamp:bool
overlaps 2042:f0-:timestamp,interval,timestamp,interval:bool 2043:f0-:timestamp,timestamp,timestamp,interval:bool
overlaps 2044:f0-:timestamp,interval,timestamp,timestamp:bool
overlay 749:f0-:bytea,bytea,int4,int4:bytea 752:f0-:bytea,bytea,int4:bytea 1404:f0-:text,text,int4,int4:text
overlay 1405:f0-:text,text,int4:text 3030:f0-:bit,bit,int4,int4:bit 3031:f0-:bit,bit,int4:bit
parse_ident 1268:f1-:text,bool:_text
percent_rank 3103:w0-:-:float8
phraseto_tsquery 5001:f0-:text:tsquery
pi 1610:f0-:-:float8
plainto_tsquery 3751:f0-:text:tsquery
point 1416:f0-:circle:point 1440:f0-:float8,float8:point 1532:f0-:lseg:point 1534:f0-:box:point 1540:f0-:polygon:point
polygon 1448:f0-:box:polygon 1449:f0-:path:polygon 1475:f0-:int4,circle:polygon 1544:f0-:circle:polygon
position 849:f0-:text,text:int4 1698:f0-:bit,bit:int4 2014:f0-:bytea,bytea:int4
pow 1346:f0-:float8,float8:float8 1738:f0-:numeric,numeric:numeric
power 1368:f0-:float8,float8:float8 2169:f0-:numeric,numeric:numeric
querytree 3673:f0-:tsquery:text
quote_ident 1282:f0-:text:text
quote_literal 1283:f0-:text:text 1285:f0-:anyelement:text
quote_nullable 1289:f0-:text:text 1290:f0-:anyelement:text
radians 1609:f0-:float8:float8
radius 1470:f0-:circle:float8
range_agg 4301:a0-:anyrange:anymultirange 6227:a0-:anymultirange:anymultirange
range_intersect_agg 4389:a0-:anymultirange:anymultirange 4450:a0-:anyrange:anyrange
range_merge 4057:f0-:anyrange,anyrange:anyrange 4228:f0-:anymultirange:anyrange
rank 3101:w0-:-:int8
regexp_count 6254:f0-:text,text:int4 6255:f0-:text,text,int4:int4 6256:f0-:text,text,int4,text:int4
regexp_instr 6257:f0-:text,text:int4 6258:f0-:text,text,int4:int4 6259:f0-:text,text,int4,int4:int4
regexp_instr 6260:f0-:text,text,int4,int4,int4:int4 6261:f0-:text,text,int4,int4,int4,text:int4
regexp_instr 6262:f0-:text,text,int4,int4,int4,text,int4:int4
regexp_like 6263:f0-:text,text:bool 6264:f0-:text,text,text:bool
regexp_match 3396:f0-:text,text:_text 3397:f0-:text,text,text:_text
regexp_replace 2284:f0-:text,text,text:text 2285:f0-:text,text,text,text:text
regexp_replace 6251:f0-:text,text,text,int4,int4,text:text 6252:f0-:text,text,text,int4,int4:text
regexp_replace 6253:f0-:text,text,text,int4:text
regexp_split_to_array 2767:f0-:text,text:_text 2768:f0-:text,text,text:_text
regexp_substr 6265:f0-:text,text:text 6266:f0-:text,text,int4:text 6267:f0-:text,text,int4,int4:text
regexp_substr 6268:f0-:text,text,int4,int4,text:text 6269:f0-:text,text,int4,int4,text,int4:text
regr_avgx 2822:a0-:float8,float8:float8
regr_avgy 2823:a0-:float8,float8:float8
regr_count 2818:a0-:float8,float8:int8
regr_intercept 2826:a0-:float8,float8:float8
regr_r2 2824:a0-:float8,float8:float8
regr_slope 2825:a0-:float8,float8:float8
regr_sxx 2819:a0-:float8,float8:float8
regr_sxy 2821:a0-:float8,float8:float8
regr_syy 2820:a0-:float8,float8:float8
replace 2087:f0-:text,text,text:text
reverse 3062:f0-:text:text 6382:f0-:bytea:bytea
right 3061:f0-:text,int4:text
round 1342:f0-:float8:float8 1707:f0-:numeric,int4:numeric 1708:f0-:numeric:numeric
row_number 3100:w0-:-:int8
rtrim 876:f0-:text,text:text 882:f0-:text:text 6196:f0-:bytea,bytea:bytea
scale 3281:f0-:numeric:int4
set_bit 724:f0-:bytea,int8,int4:bytea 3033:f0-:bit,int4,int4:bit
set_byte 722:f0-:bytea,int4,int4:bytea
set_masklen 605:f0-:inet,int4:inet 635:f0-:cidr,int4:cidr
sha224 3419:f0-:bytea:bytea
sha256 3420:f0-:bytea:bytea
sha384 3421:f0-:bytea:bytea
sha512 3422:f0-:bytea:bytea
sign 1706:f0-:numeric:numeric 2310:f0-:float8:float8
sin 1604:f0-:float8:float8
sind 2735:f0-:float8:float8
sinh 2462:f0-:float8:float8
slope 992:f0-:point,point:float8
split_part 2088:f0-:text,text,int4:text
sqrt 1344:f0-:float8:float8 1730:f0-:numeric:numeric
starts_with 3696:f0-:text,text:bool
statement_timestamp 2648:f0-:-:timestamptz
stddev 2154:a0-:int8:numeric 2155:a0-:int4:numeric 2156:a0-:int2:numeric 2157:a0-:float4:float8 2158:a0-:float8:float8
stddev 2159:a0-:numeric:numeric
stddev_pop 2724:a0-:int8:numeric 2725:a0-:int4:numeric 2726:a0-:int2:numeric 2727:a0-:float4:float8
stddev_pop 2728:a0-:float8:float8 2729:a0-:numeric:numeric
stddev_samp 2712:a0-:int8:numeric 2713:a0-:int4:numeric 2714:a0-:int2:numeric 2715:a0-:float4:float8
stddev_samp 2716:a0-:float8:float8 2717:a0-:numeric:numeric
string_agg 3538:a0-:text,text:text 3545:a0-:bytea,bytea:bytea
string_to_array 376:f0-:text,text,text:_text 394:f0-:text,text:_text
strip 3623:f0-:tsvector:tsvector
strpos 868:f0-:text,text:int4
substr 877:f0-:text,int4,int4:text 883:f0-:text,int4:text 2085:f0-:bytea,int4,int4:bytea 2086:f0-:bytea,int4:bytea
substring 936:f0-:text,int4,int4:text 937:f0-:text,int4:text 1680:f0-:bit,int4,int4:bit 1699:f0-:bit,int4:bit
substring 2012:f0-:bytea,int4,int4:bytea 2013:f0-:bytea,int4:bytea 2073:f0-:text,text:text 2074:f0-:text,text,text:text
sum 2107:a0-:int8:numeric 2108:a0-:int4:int8 2109:a0-:int2:int8 2110:a0-:float4:float4 2111:a0-:float8:float8
sum 2113:a0-:interval:interval 2114:a0-:numeric:numeric
tan 1606:f0-:float8:float8
tand 2737:f0-:float8:float8
tanh 2464:f0-:float8:float8
timezone 1026:f0-:interval,timestamptz:timestamp 1159:f0-:text,timestamptz:timestamp 2037:f0-:text,timetz:timetz
timezone 2038:f0-:interval,timetz:timetz 2069:f0-:text,timestamp:timestamptz 2070:f0-:interval,timestamp:timestamptz
timezone 6334:f0-:timestamptz:timestamp 6335:f0-:timestamp:timestamptz 6336:f0-:timetz:timetz
to_ascii 1845:f0-:text:text 1846:f0-:text,int4:text
to_bin 6330:f0-:int4:text 6331:f0-:int8:text
to_char 1768:f0-:interval,text:text 1770:f0-:timestamptz,text:text 1772:f0-:numeric,text:text 1773:f0-:int4,text:text
to_char 1774:f0-:int8,text:text 1775:f0-:float4,text:text 1776:f0-:float8,text:text 2049:f0-:timestamp,text:text
to_date 1780:f0-:text,text:date
to_hex 2089:f0-:int4:text 2090:f0-:int8:text
to_json 3176:f0-:anyelement:json
to_jsonb 3787:f0-:anyelement:jsonb
to_number 1777:f0-:text,text:numeric
to_oct 6332:f0-:int4:text 6333:f0-:int8:text
to_timestamp 1158:f0-:float8:timestamptz 1778:f0-:text,text:timestamptz
to_tsquery 3750:f0-:text:tsquery
to_tsvector 3749:f0-:text:tsvector 4209:f0-:jsonb:tsvector 4210:f0-:json:tsvector
transaction_timestamp 2647:f0-:-:timestamptz
translate 878:f0-:text,text,text:text
trim_array 6172:f0-:anyarray,int4:anyarray
trim_scale 5043:f0-:numeric:numeric
trunc 753:f0-:macaddr:macaddr 1343:f0-:float8:float8 1709:f0-:numeric,int4:numeric 1710:f0-:numeric:numeric
trunc 4112:f0-:macaddr8:macaddr8
ts_delete 3321:f0-:tsvector,text:tsvector 3323:f0-:tsvector,_text:tsvector
ts_headline 3754:f0-:text,tsquery,text:text 3755:f0-:text,tsquery:text 4203:f0-:jsonb,tsquery,text:jsonb
ts_headline 4204:f0-:jsonb,tsquery:jsonb 4207:f0-:json,tsquery,text:json 4208:f0-:json,tsquery:json
ts_rank 3703:f0-:_float4,tsvector,tsquery,int4:float4 3704:f0-:_float4,tsvector,tsquery:float4
ts_rank 3705:f0-:tsvector,tsquery,int4:float4 3706:f0-:tsvector,tsquery:float4
ts_rank_cd 3707:f0-:_float4,tsvector,tsquery,int4:float4 3708:f0-:_float4,tsvector,tsquery:float4
ts_rank_cd 3709:f0-:tsvector,tsquery,int4:float4 3710:f0-:tsvector,tsquery:float4
tsmultirange 4286:f0-:-:tsmultirange 4287:f0-:tsrange:tsmultirange 4288:f0v:_tsrange:tsmultirange
tsquery_phrase 5003:f0-:tsquery,tsquery:tsquery 5004:f0-:tsquery,tsquery,int4:tsquery
tsrange 3933:f0-:timestamp,timestamp:tsrange 3934:f0-:timestamp,timestamp,text:tsrange
tstzmultirange 4289:f0-:-:tstzmultirange 4290:f0-:tstzrange:tstzmultirange 4291:f0v:_tstzrange:tstzmultirange
tstzrange 3937:f0-:timestamptz,timestamptz:tstzrange 3938:f0-:timestamptz,timestamptz,text:tstzrange
tsvector_to_array 3326:f0-:tsvector:_text
unicode_assigned 6105:f0-:text:bool
unistr 6198:f0-:text:text
upper 871:f0-:text:text 3849:f0-:anyrange:anyelement 4236:f0-:anymultirange:anyelement
upper_inc 3852:f0-:anyrange:bool 4239:f0-:anymultirange:bool
upper_inf 3854:f0-:anyrange:bool 4241:f0-:anymultirange:bool
uuid_extract_timestamp 6342:f0-:uuid:timestamptz
uuid_extract_version 6343:f0-:uuid:int2
var_pop 2718:a0-:int8:numeric 2719:a0-:int4:numeric 2720:a0-:int2:numeric 2721:a0-:float4:float8 2722:a0-:float8:float8
var_pop 2723:a0-:numeric:numeric
var_samp 2641:a0-:int8:numeric 2642:a0-:int4:numeric 2643:a0-:int2:numeric 2644:a0-:float4:float8
var_samp 2645:a0-:float8:float8 2646:a0-:numeric:numeric
variance 2148:a0-:int8:numeric 2149:a0-:int4:numeric 2150:a0-:int2:numeric 2151:a0-:float4:float8
variance 2152:a0-:float8:float8 2153:a0-:numeric:numeric
websearch_to_tsquery 5009:f0-:text:tsquery
width 976:f0-:box:float8
width_bucket 320:f0-:float8,float8,float8,int4:int4 2170:f0-:numeric,numeric,numeric,int4:int4
width_bucket 3218:f0-:anycompatible,anycompatiblearray:int4
"""

#: oid, name, category, p: preferred in its category, element of an array, name that people write.
TYPES = """
1561 _bit A - bit bit[]
1000 _bool A - bool boolean[]
1020 _box A - box box[]
1014 _bpchar A - bpchar character[]
1001 _bytea A - bytea bytea[]
651 _cidr A - cidr cidr[]
719 _circle A - circle circle[]
1182 _date A - date date[]
6155 _datemultirange A - datemultirange datemultirange[]
3913 _daterange A - daterange daterange[]
1021 _float4 A - float4 real[]
1022 _float8 A - float8 double precision[]
1041 _inet A - inet inet[]
1005 _int2 A - int2 smallint[]
1007 _int4 A - int4 integer[]
6150 _int4multirange A - int4multirange int4multirange[]
3905 _int4range A - int4range int4range[]
1016 _int8 A - int8 bigint[]
6157 _int8multirange A - int8multirange int8multirange[]
3927 _int8range A - int8range int8range[]
1187 _interval A - interval interval[]
199 _json A - json json[]
3807 _jsonb A - jsonb jsonb[]
4073 _jsonpath A - jsonpath jsonpath[]
629 _line A - line line[]
1018 _lseg A - lseg lseg[]
1040 _macaddr A - macaddr macaddr[]
775 _macaddr8 A - macaddr8 macaddr8[]
1231 _numeric A - numeric numeric[]
6151 _nummultirange A - nummultirange nummultirange[]
3907 _numrange A - numrange numrange[]
1019 _path A - path path[]
1017 _point A - point point[]
1027 _polygon A - polygon polygon[]
1009 _text A - text text[]
1183 _time A - time time without time zone[]
1115 _timestamp A - timestamp timestamp without time zone[]
1185 _timestamptz A - timestamptz timestamp with time zone[]
1270 _timetz A - timetz time with time zone[]
6152 _tsmultirange A - tsmultirange tsmultirange[]
3645 _tsquery A - tsquery tsquery[]
3909 _tsrange A - tsrange tsrange[]
6153 _tstzmultirange A - tstzmultirange tstzmultirange[]
3911 _tstzrange A - tstzrange tstzrange[]
3643 _tsvector A - tsvector tsvector[]
2951 _uuid A - uuid uuid[]
1563 _varbit A - varbit bit varying[]
1015 _varchar A - varchar character varying[]
1560 bit V - - bit
16 bool B p - boolean
603 box G - - box
1042 bpchar S - - character
17 bytea U - - bytea
650 cidr I - - cidr
718 circle G - - circle
1082 date D - - date
4535 datemultirange R - - datemultirange
3912 daterange R - - daterange
700 float4 N - - real
701 float8 N p - double precision
869 inet I p - inet
21 int2 N - - smallint
23 int4 N - - integer
4451 int4multirange R - - int4multirange
3904 int4range R - - int4range
20 int8 N - - bigint
4536 int8multirange R - - int8multirange
3926 int8range R - - int8range
1186 interval T p - interval
114 json U - - json
3802 jsonb U - - jsonb
4072 jsonpath U - - jsonpath
628 line G - - line
601 lseg G - - lseg
829 macaddr U - - macaddr
774 macaddr8 U - - macaddr8
1700 numeric N - - numeric
4532 nummultirange R - - nummultirange
3906 numrange R - - numrange
602 path G - - path
600 point G - - point
604 polygon G - - polygon
25 text S p - text
1083 time D - - time without time zone
1114 timestamp D - - timestamp without time zone
1184 timestamptz D p - timestamp with time zone
1266 timetz D - - time with time zone
4533 tsmultirange R - - tsmultirange
3615 tsquery U - - tsquery
3908 tsrange R - - tsrange
4534 tstzmultirange R - - tstzmultirange
3910 tstzrange R - - tstzrange
3614 tsvector U - - tsvector
2950 uuid U - - uuid
1562 varbit V p - bit varying
1043 varchar S - - character varying
"""
