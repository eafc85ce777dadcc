-- Replaces a versioned record (version|body) if its version is the one that was
-- read; 0 stands for none.
-- KEYS[1] record; ARGV: version read, new version, new body. Answers 1 done,
-- -1 changed meanwhile.
local cur = redis.call('GET', KEYS[1])
local v, at = '0', 1
if cur then v, at = string.match(cur, '^(%d+)|()') end
if v ~= ARGV[1] then
  if v == ARGV[2] and string.sub(cur, at) == ARGV[3] then return 1 end
  return -1
end
redis.call('SET', KEYS[1], ARGV[2] .. '|' .. ARGV[3])
return 1
