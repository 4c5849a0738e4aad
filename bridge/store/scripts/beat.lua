#!lua
-- Say that a worker lives. KEYS workers. ARGV owner, time to live (ms). Returns {alive, seconds, microseconds}.
local now = redis.call('TIME')
local now_ms = tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now_ms))
redis.call('ZADD', KEYS[1], string.format('%.0f', now_ms + tonumber(ARGV[2])), ARGV[1])
return {redis.call('ZCARD', KEYS[1]), tonumber(now[1]), tonumber(now[2])}
