-- Writes a record (version|body) that has an end, if the version before it is
-- stored; 0 stands for none.
-- KEYS[1] record; ARGV: version before, new version, new body, time to live in
-- ms, then channels and what to publish there if it is written, in turn. Answers 1
-- done, 0 none is stored, -1 changed meanwhile.
local cur = redis.call('GET', KEYS[1])
local v, at = '0', 1
if cur then v, at = string.match(cur, '^(%d+)|()') end
if v ~= ARGV[1] then
  -- A caller that lost the answer to its first try finds its own writing here.
  if v == ARGV[2] and string.sub(cur, at) == ARGV[3] then return 1 end
  return cur and -1 or 0
end
redis.call('SET', KEYS[1], ARGV[2] .. '|' .. ARGV[3], 'PX', ARGV[4])
for i = 5, #ARGV, 2 do redis.call('PUBLISH', ARGV[i], ARGV[i + 1]) end
return 1
