-- Says which sessions have another version or another watcher than a node
-- believes.
-- KEYS sessions; ARGV[1] node, then for each session its version and number.
-- Answers the indices, from 1, of those that differ or are gone.
local out = {}
for i, key in ipairs(KEYS) do
  local want = ARGV[2 * i] .. '|' .. ARGV[2 * i + 1] .. '|' .. ARGV[1] .. '|'
  if redis.call('GETRANGE', key, 0, #want - 1) ~= want then out[#out + 1] = i end
end
return out
