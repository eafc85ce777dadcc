-- Claims what is due in a sorted set (member: an id, score: when it is due, in
-- ms), and puts its time off, so that nobody else claims it meanwhile.
-- KEYS[1]; ARGV: now, how many at most, until when they are held. Answers ids.
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, id in ipairs(due) do redis.call('ZADD', KEYS[1], ARGV[3], id) end
return due
