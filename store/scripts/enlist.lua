-- Lists a session to an identity's phones unless as many as may wait are listed,
-- and tells every node, one of which may have such a phone.
-- KEYS[1] pending; ARGV: now, the session's expiry in ms, session id, how many
-- may wait, channel, hint. Answers 1 listed, 0 not.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[4]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[3])
-- Later starts expire later, so this never shortens a life.
redis.call('PEXPIREAT', KEYS[1], ARGV[2])
redis.call('PUBLISH', ARGV[5], ARGV[6])
return 1
