-- Keeps the first value of a key and gives it to everybody.
-- KEYS[1]; ARGV: value, time to live in ms. Answers the value that stands.
local cur = redis.call('GET', KEYS[1])
if cur then return cur end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
