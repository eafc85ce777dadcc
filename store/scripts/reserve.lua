-- Takes a device key for an enrolment, and spends the nonce of its request.
-- KEYS[1] device key, KEYS[2] nonce; ARGV: life of the reservation, of the
-- nonce, in ms. Answers 1 taken, 0 the nonce was spent, -1 the key is taken.
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
if not redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then return -1 end
redis.call('SET', KEYS[2], '1', 'PX', ARGV[2])
return 1
