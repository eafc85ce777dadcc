-- Counts a wrong code against an identity and one of its devices. The device's
-- field holds the end of its lock, how often it was locked, and the times of its
-- latest wrong codes.
-- KEYS[1] standing; ARGV: device field, now, window in ms, how many in it, first
-- lock, longest lock, time to live in ms. Answers {wrong codes in a row of the
-- identity, length of the lock now set or 0}.
local now, window, most = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local ends, locks, times = 0, 0, {}
local i = 0
for x in string.gmatch(redis.call('HGET', KEYS[1], ARGV[1]) or '', '%d+') do
  i = i + 1
  if i == 1 then ends = tonumber(x)
  elseif i == 2 then locks = tonumber(x)
  else times[#times + 1] = tonumber(x) end
end
times[#times + 1] = now
while #times > most do table.remove(times, 1) end
local lock = 0
if #times == most and now - times[1] <= window then
  lock = math.min(tonumber(ARGV[5]) * 2 ^ locks, tonumber(ARGV[6]))
  locks = locks + 1
  ends = now + lock
end
local field = string.format('%.0f,%.0f', ends, locks)
for _, t in ipairs(times) do field = field .. string.format(',%.0f', t) end
redis.call('HSET', KEYS[1], ARGV[1], field)
local row = redis.call('HINCRBY', KEYS[1], 'n', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[7])
return {row, lock}
