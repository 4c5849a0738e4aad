#!lua
-- Put a line aside. KEYS hold, parked. ARGV hold value, unit NUL line, wait (ms). Returns 0 when not our lane.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local now = redis.call('TIME')
local due = tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000) + tonumber(ARGV[3])
redis.call('ZADD', KEYS[2], string.format('%.0f', due), ARGV[2])
return 1
