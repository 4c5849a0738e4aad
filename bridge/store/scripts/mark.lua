#!lua
-- Record an attempt. KEYS hold, pending actions. ARGV hold value, mark, action ids.
-- Returns 0 when the lane is not ours, 1 when all were marked, 2 when some have ended. Those get no mark: nothing
-- would remove it.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local answer = 1
for i = 3, #ARGV do
  if redis.call('HEXISTS', KEYS[2], ARGV[i]) == 1 then
    redis.call('HSET', KEYS[2], '!' .. ARGV[i], ARGV[2])
  else
    answer = 2
  end
end
return answer
