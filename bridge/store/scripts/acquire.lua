#!lua
-- Take a lane if nobody holds it. KEYS hold, fence, and optionally one without which the lane may not be worked.
-- ARGV owner, time to live (ms).
-- Returns {fence or 0, seconds, microseconds}: Redis time comes along, so that everybody's days are its days.
local now = redis.call('TIME')
if redis.call('EXISTS', KEYS[1]) == 1 or (KEYS[3] and redis.call('EXISTS', KEYS[3]) == 0) then
  return {0, tonumber(now[1]), tonumber(now[2])}
end
local fence = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], ARGV[1] .. ':' .. fence, 'PX', ARGV[2])
return {fence, tonumber(now[1]), tonumber(now[2])}
