-- Counts a code typed in a page against an identity, or takes it back. The
-- standing of somebody whom nobody has counted anything against is made for a
-- shorter time: also names that nobody has are counted.
-- KEYS[1] standing; ARGV: field, 1 or -1, time to live in ms, how many have the
-- method off, and time to live then. Answers how many.
local n = redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])
if n < 0 then n = redis.call('HINCRBY', KEYS[1], ARGV[1], -n) end
local ttl = ARGV[3]
if n >= tonumber(ARGV[4]) then ttl = ARGV[5] end
if redis.call('PTTL', KEYS[1]) < tonumber(ttl) then redis.call('PEXPIRE', KEYS[1], ttl) end
return n
