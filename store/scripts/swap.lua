-- Replaces the session if its version is the one that was read, and tells the
-- node that holds its watcher. The head is
-- version|number|holder|challenge|service| and only the version changes here.
-- Of an announced session that ends, how it ended is kept for longer than itself.
-- KEYS[1] session, [2] how it ended, if that is to be kept; ARGV: version read, new
-- version, new body, time to live in ms, channel prefix, hint head, and of KEYS[2]
-- body and time to live in ms. Answers 1 done, 0 gone, -1 changed meanwhile.
local cur = redis.call('GET', KEYS[1])
if not cur then return 0 end
local v, n, h, c, s, at = string.match(cur, '^(%d+)|(%d+)|([^|]*)|([^|]*)|([^|]*)|()')
if v ~= ARGV[1] then
  -- A caller that lost the answer to its first try finds its own writing here.
  if v == ARGV[2] and string.sub(cur, at) == ARGV[3] then return 1 end
  return -1
end
redis.call('SET', KEYS[1], ARGV[2] .. '|' .. n .. '|' .. h .. '|' .. c .. '|' .. s .. '|' .. ARGV[3], 'PX', ARGV[4])
if KEYS[2] then redis.call('SET', KEYS[2], ARGV[7], 'PX', ARGV[8]) end
if h ~= '' then redis.call('PUBLISH', ARGV[5] .. h, ARGV[6] .. ARGV[3]) end
return 1
