-- Changes when something in a sorted set (member: an id, score: when it is due, in ms)
-- is due, if it is due when the caller thinks: so nothing that was claimed meanwhile
-- is claimed twice.
-- KEYS[1]; ARGV: id, when it is thought to be due, when it shall be. Answers 1 done,
-- 0 not.
local due = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not due or tonumber(due) ~= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
return 1
