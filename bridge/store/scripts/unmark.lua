#!lua flags=allow-oom
-- Take attempts' records back. KEYS hold, pending actions. ARGV hold value, marks (`!` and the action's id).
-- Returns 0 when the lane is not ours.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[2], unpack(ARGV, 2))
return 1
