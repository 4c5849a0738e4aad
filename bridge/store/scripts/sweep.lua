#!lua
-- Move due timers into the stream, take out due parked lines. KEYS hold, due, timers, stream, parked.
-- ARGV hold value, limit (of each). Returns when the next of either is due (-1: there is none) and the parked lines, or 0
-- when the lane is not ours.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local now = redis.call('TIME')
local now_ms = string.format('%.0f', tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000))
for _, token in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now_ms, 'LIMIT', 0, ARGV[2])) do
  local timer = redis.call('HGET', KEYS[3], token)
  if timer then
    local cut = string.find(timer, '\0', 1, true)
    redis.call('XADD', KEYS[4], '*', 'u', string.sub(timer, 1, cut - 1), 'e', string.sub(timer, cut + 1))
    redis.call('HDEL', KEYS[3], token)
  end
  redis.call('ZREM', KEYS[2], token)
end
local lines = redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', now_ms, 'LIMIT', 0, ARGV[2])
if #lines > 0 then redis.call('ZREM', KEYS[5], unpack(lines)) end
local next_ms = -1
for _, key in ipairs({KEYS[2], KEYS[5]}) do
  local due_ms = tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2] or -1)
  if due_ms >= 0 and (next_ms < 0 or due_ms < next_ms) then next_ms = due_ms end
end
return {next_ms, lines}
