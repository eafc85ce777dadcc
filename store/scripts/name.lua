-- Makes a name lead to a record, unless it leads to another one already. Its
-- life is never shortened: a name outlives the version of the record that had it.
-- KEYS[1] name; ARGV: target with its |, body, time to live in ms. Answers 1
-- done, 0 it leads to another record.
local cur = redis.call('GET', KEYS[1])
if cur then
  if string.sub(cur, 1, #ARGV[1]) ~= ARGV[1] then return 0 end
  if redis.call('PTTL', KEYS[1]) >= tonumber(ARGV[3]) then return 1 end
end
redis.call('SET', KEYS[1], ARGV[1] .. ARGV[2], 'PX', ARGV[3])
return 1
