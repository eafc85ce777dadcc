-- Spends a device's nonce and gives the sessions listed to its identity.
-- KEYS[1] nonce, KEYS[2] pending; ARGV: the nonce's time to live, now in ms.
-- Answers false when the nonce was spent before.
if not redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then return false end
return redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[2], '+inf')
