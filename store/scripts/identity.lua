-- Replaces an identity (version|body) if its version is the one that was read,
-- spends the nonce of the phone's request that asked for it, if one did, and
-- tells every node. A version read of 0 stands for none.
-- KEYS[1] identity, KEYS[2] what says that it has a phone that can be woken,
-- KEYS[3] nonce, if there is one; ARGV: version read, new version, new body,
-- channel, hint, the nonce's time to live in ms, 1 if it has such a phone.
-- Answers 1 done, 0 the nonce was spent before, -1 changed meanwhile.
local cur = redis.call('GET', KEYS[1])
local v, at = '0', 1
if cur then v, at = string.match(cur, '^(%d+)|()') end
-- A caller that lost the answer to its first try finds its own writing here.
if cur and v == ARGV[2] and string.sub(cur, at) == ARGV[3] then return 1 end
if KEYS[3] and redis.call('EXISTS', KEYS[3]) == 1 then return 0 end
if v ~= ARGV[1] then return -1 end
if KEYS[3] then redis.call('SET', KEYS[3], '1', 'PX', ARGV[6]) end
redis.call('SET', KEYS[1], ARGV[2] .. '|' .. ARGV[3])
if ARGV[7] == '1' then redis.call('SET', KEYS[2], '1') else redis.call('DEL', KEYS[2]) end
redis.call('PUBLISH', ARGV[4], ARGV[5])
return 1
