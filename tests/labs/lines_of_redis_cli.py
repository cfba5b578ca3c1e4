"""Lines for the console and for redis-cli; each group is for a server of its own."""

STRINGS = r"""
SET b "\x00\xff"
STRLEN b
GET b
SET k "\n"
GET k
MGET k b nosuch
SET quotes "a \"quoted\" word and a back\\slash"
GET quotes
SET single 'it\'s "double" \n inside'
GET single
SET bell "\a\b\t\r\n\v\x7f\x1b[2J"
GET bell
SET empty ""
GET empty
SET mid a"b c"
GET mid
SET 'two words' "x"
GET "two words"
SET upper "\XFF\x0g\xe"
GET upper
SET unicode "Grüße, 東京 👩‍💻"
GET unicode
SET ключ значение
GET ключ
STRLEN unicode
APPEND k "\xfe"
GETRANGE b 1 1
SETRANGE hole 3 x
GET hole
SET n 9223372036854775807
INCR n
DECRBY n 9223372036854775807
INCRBYFLOAT f 3.1415926535897932
INCRBYFLOAT f -1e-7
SET k v NX
SET k v GET
SET k v EX 100 XX
GETDEL k
GETEX empty PERSIST
MSET a 1 b 2 c 3
MGET a b c
MSETNX a 1 z 2
LCS a b
SUBSTR quotes 0 3
   GET     a
get	a
"GET" a
'GET' 'a'
"" a
g\x65t a
""".strip("\n").split("\n")

COLLECTIONS = r"""
RPUSH list one two "three\nlines" "" "\xc3\x28"
LRANGE list 0 -1
LRANGE list 5 9
LPOS list two
LPOP list 2
LPOP list 0
LPOP nosuch
LPOP nosuch 2
LMPOP 1 list LEFT COUNT 2
LMPOP 1 nosuch LEFT
RPUSH ten 1 2 3 4 5 6 7 8 9 10 11
LRANGE ten 0 -1
BLPOP ten 1
BLPOP nosuch 0.01
BLMPOP 0.01 1 ten LEFT COUNT 12
BRPOPLPUSH nosuch other 0.01
HSET hash field "va\"lue" other "\x01" empty ""
HGETALL hash
HMGET hash field nosuch
HGETALL nosuch
HINCRBYFLOAT hash rate 1.5
HRANDFIELD hash 0
HSCAN hash 0
HKEYS hash
HEXISTS hash field
SADD set 3 1 2
SMEMBERS set
SMISMEMBER set 1 9
SISMEMBER set 2
SMEMBERS nosuch
SINTERCARD 1 set
SSCAN set 0
SPOP nosuch
ZADD zset 1.5 a 2 b inf c -inf d 1e20 e 0.1 f
ZRANGE zset 0 -1 WITHSCORES
ZSCORE zset a
ZMSCORE zset a nosuch
ZADD zset INCR 0.2 f
ZADD zset NX INCR 1 a
ZRANK zset b
ZRANK zset nosuch
ZPOPMIN zset
ZPOPMIN zset 2
ZMPOP 1 zset MAX
ZMPOP 1 nosuch MAX
BZPOPMIN zset 1
ZRANGEBYSCORE zset (1 +inf WITHSCORES LIMIT 0 2
ZUNION 2 zset set WITHSCORES
ZSCAN zset 0
ZRANDMEMBER zset 0
""".strip("\n").split("\n")

STREAMS_AND_PLACES = r"""
XADD s 1-1 field "va lue"
XADD s 2-1 a 1 b "\xff"
XADD s 2-1 a 1
XLEN s
XRANGE s - +
XREVRANGE s + - COUNT 1
XREAD COUNT 1 STREAMS s 0
XREAD STREAMS s $
XREAD BLOCK 10 STREAMS s $
XGROUP CREATE s g 0
XREADGROUP GROUP g c COUNT 1 STREAMS s >
XREADGROUP GROUP g c BLOCK 10 STREAMS s >
XREADGROUP GROUP g c BLOCK 10 STREAMS s >
XPENDING s g
XACK s g 1-1
XINFO STREAM s
XINFO GROUPS s
XAUTOCLAIM s g d 0 0
XGROUP CREATE s g 0
XTRIM s MAXLEN 1
GEOADD places 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
GEOPOS places Palermo nosuch
GEODIST places Palermo Catania km
GEOHASH places Palermo
GEOSEARCH places FROMLONLAT 15 37 BYRADIUS 200 km ASC WITHCOORD WITHDIST
SETBIT bits 7 1
GETBIT bits 7
BITCOUNT bits
BITPOS bits 1
BITFIELD bits SET u8 0 255 OVERFLOW FAIL INCRBY u8 0 1
GET bits
PFADD hll a b c
PFCOUNT hll
PFMERGE merged hll
""".strip("\n").split("\n")

KEYS = r"""
SET k v
SET volatile v EX 1000
EXISTS k k nosuch
TYPE k
TYPE nosuch
TTL k
TTL nosuch
EXPIRE k 1000 LT
EXPIRETIME nosuch
PERSIST k
PERSIST k
RENAME k r
RENAME nosuch x
COPY r copy
OBJECT ENCODING r
OBJECT REFCOUNT nosuch
OBJECT HELP
KEYS nosuch*
SCAN 0 MATCH nosuch* COUNT 1000
TOUCH r
UNLINK r copy
DUMP nosuch
SORT nosuch
DBSIZE
WAIT 0 10
PUBLISH channel "mes\nsage"
PUBSUB CHANNELS
PUBSUB NUMSUB channel
PING
PING "hello\n"
ECHO "\x00"
COMMAND COUNT
COMMAND GETKEYS MSET a b c d
COMMAND INFO get nosuch
COMMAND DOCS getdel
COMMAND LIST FILTERBY PATTERN xac*
INFO cluster
INFO nosuch
LATENCY HISTORY nosuch
LATENCY DOCTOR
SLOWLOG LEN
CLUSTER INFO
SWAPDB 0 1
""".strip("\n").split("\n")

ERRORS = r"""
GET
SET k
NOSUCH
NOSUCH "\x1fnot printable"
NOSUCH é
FLY me to the moon
SET k v EX 0
SET k v EX abc
SET k v NX XX
LPUSH list x
GET list
HSET hash a
INCR list
EXPIRE k
CONFIG
OBJECT
OBJECT NOSUCH k
XADD s 0-0 a b
EVALSHA ffffffffffffffffffffffffffffffffffffffff 0
ACL WHOAMI
ACL LIST
FUNCTION DUMP
KEYS
BLPOP list
BLPOP list abc
BLPOP list -1
GETRANGE k
EXEC
DISCARD
SET k "unclosed
SET k 'unclosed
SET k "a"b
SET k 'a'b
SET k "a\"
SET k "
"
'
""".strip("\n").split("\n")

TRANSACTIONS = r"""
MULTI
SET a 1
INCR a
LPUSH a x
HGETALL nosuch
INFO cluster
BLPOP nosuch 0
EXEC
WATCH a
MULTI
SET a 2
EXEC
MULTI
SET a 3
DISCARD
GET a
MULTI
NOSUCH
SET a 4
EXEC
GET a
MULTI
MULTI
EXEC
MULTI
EXEC
UNWATCH
SELECT 1
GET a
SET one 1
DBSIZE
MULTI
SELECT 2
SET two 2
EXEC
GET two
SELECT 99
SELECT 0
GET a
CLIENT SETNAME me
CLIENT GETNAME
CLIENT SETNAME "two words"
""".strip("\n").split("\n")

SCRIPTS = r"""
EVAL "return {1, {2, {3, 'x'}}, {}, false, true, 3.99}" 0
EVAL "return {'a', {'b\\n', {'c', {'d', {'e'}}}}}" 0
EVAL "return redis.error_reply('MINE went wrong')" 0
EVAL "return {redis.error_reply('ERR inside'), redis.status_reply('FINE')}" 0
EVAL "return redis.call('set', KEYS[1], ARGV[1])" 1 k "\xff\n"
EVAL "return redis.call('nosuch')" 0
EVAL "return 'unclosed" 0
EVAL "return {}" 0
EVAL "redis.setresp(3); return {map={a=1}}" 0
EVAL "redis.setresp(3); return redis.call('hgetall', 'nosuch')" 0
EVAL "return {double=3.5}" 0
EVAL "return {big_number='123456789012345678901234567890'}" 0
EVAL "return {verbatim_string={format='txt', string='a\nb'}}" 0
EVAL "return {map={}}" 0
EVAL "return {set={a=true}}" 0
EVAL "local t = {} for i = 1, 120 do t[i] = i end return t" 0
EVAL "local t = {} for i = 1, 12 do t[i] = {i, {i}} end return t" 0
SCRIPT LOAD "return 1"
EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db ffff
FUNCTION LOAD "#!lua name=lib\nredis.register_function('f', function(k, a) return a end)"
FCALL f 0 "\x01" b
FUNCTION LIST
FCALL nosuch 0
SCRIPT KILL
FUNCTION KILL
""".strip("\n").split("\n")

GROUPS = {
    "strings": STRINGS,
    "collections": COLLECTIONS,
    "streams and places": STREAMS_AND_PLACES,
    "keys": KEYS,
    "errors": ["RPUSH list x", *ERRORS],
    "transactions": TRANSACTIONS,
    "scripts": SCRIPTS,
}

BIG_NUMBER = "EVAL \"return {big_number='123456789012345678901234567890'}\" 0"
UNKNOWN = r'NOSUCH "\x1fnot printable"'
DIFFERENT = {
    UNKNOWN: "redis-cli prints control characters inside an error as they are",
    "CONFIG": "it is refused here in words, as all that ElastiCache does itself",
    '"" a': "redis-cli takes an empty word for the number of a repeated command",
    BIG_NUMBER: "redis-cli ends itself at a big number of RESP3",
}
"""Lines of the groups whose answers differ, and why."""
