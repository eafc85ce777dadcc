-- Makes a node the holder of a session's only watcher, tells the one before it,
-- and gives the session. The version stays, so this never conflicts with a
-- verification.
-- KEYS[1] session; ARGV: node, challenge of the caller's verifier (may be
-- empty), channel prefix, hint head, the services that may watch from the
-- caller's origin as ,a,b, (empty: any). Answers {0} gone, {1, session} the
-- challenge or the service is another, {2, session, number} taken.
local cur = redis.call('GET', KEYS[1])
if not cur then return {0} end
local v, n, h, c, s, at = string.match(cur, '^(%d+)|(%d+)|([^|]*)|([^|]*)|([^|]*)|()')
if c ~= '' and c ~= ARGV[2] then return {1, cur} end
if ARGV[5] ~= '' and not string.find(ARGV[5], ',' .. s .. ',', 1, true) then return {1, cur} end
n = string.format('%d', tonumber(n) + 1)
redis.call('SET', KEYS[1], v .. '|' .. n .. '|' .. ARGV[1] .. '|' .. c .. '|' .. s .. '|' .. string.sub(cur, at), 'KEEPTTL')
if h ~= '' and h ~= ARGV[1] then redis.call('PUBLISH', ARGV[3] .. h, ARGV[4] .. n) end
return {2, cur, n}
