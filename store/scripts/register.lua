-- Counts one more page of an operation, and tells every node.
-- KEYS[1] count; ARGV: time to live in ms, channel, hint head. Answers the count.
local n = (tonumber(redis.call('GET', KEYS[1])) or 0) + 1
redis.call('SET', KEYS[1], n, 'PX', ARGV[1])
redis.call('PUBLISH', ARGV[2], ARGV[3] .. n)
return n
