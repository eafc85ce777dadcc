-- The generic cell rate algorithm: so many requests in so long, spread or at
-- once. Counts only what it lets through.
-- KEYS[1] limit; ARGV: now, time between requests, time for all of them, in ms.
-- Answers 0 or after how many ms to try again.
local now, step, all = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local tat = tonumber(redis.call('GET', KEYS[1]) or '0')
if tat < now then tat = now end
local wait = tat + step - all - now
if wait > 0 then return math.ceil(wait) end
redis.call('SET', KEYS[1], string.format('%.0f', tat + step), 'PX', string.format('%.0f', tat + step - now + 1))
return 0
