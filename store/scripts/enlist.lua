-- Lists a session to an identity's phones unless as many as may wait are listed,
-- and tells every node, one of which may have such a phone.
-- KEYS[1] pending, KEYS[2] what says that a phone of the identity can be woken;
-- ARGV: now, the session's expiry in ms, session id, how many may wait, channel,
-- hint. Answers 0 not listed, 1 listed, 2 listed and a phone can be woken.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[4]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[3])
-- A session may be asked to end sooner than those listed before it: the list lives
-- as long as the last of them.
if tonumber(ARGV[2]) - tonumber(ARGV[1]) > redis.call('PTTL', KEYS[1]) then redis.call('PEXPIREAT', KEYS[1], ARGV[2]) end
redis.call('PUBLISH', ARGV[5], ARGV[6])
return 1 + redis.call('EXISTS', KEYS[2])
