-- Sets a field of a standing; of browsers, forgets the one not seen for longest
-- when there are too many.
-- KEYS[1] standing; ARGV: field, value (a browser's: now), how many browsers,
-- time to live in ms. Answers 1.
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
local all, n, oldest, at = redis.call('HGETALL', KEYS[1]), 0, nil, nil
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 2) == 'b:' then
    n = n + 1
    local t = tonumber(all[i + 1]) or 0
    if not at or t < at then oldest, at = all[i], t end
  end
end
if n > tonumber(ARGV[3]) then redis.call('HDEL', KEYS[1], oldest) end
return 1
