#!lua
-- Take a slot of a shared limit. KEYS bucket. ARGV interval between slots (us), burst.
-- The bucket holds the time at which all slots taken so far are used up; a full burst may run ahead of it.
-- Returns how long to wait for the slot (us).
local now = redis.call('TIME')
local now_us = tonumber(now[1]) * 1000000 + tonumber(now[2])
local interval = tonumber(ARGV[1])
local used_until = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now_us)
local wait = used_until - (tonumber(ARGV[2]) - 1) * interval - now_us
used_until = used_until + interval
redis.call('SET', KEYS[1], string.format('%.0f', used_until), 'PX', math.ceil((used_until - now_us) / 1000))
return math.max(0, math.ceil(wait))
