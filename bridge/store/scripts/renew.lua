#!lua flags=allow-oom
-- Prolong a hold. KEYS hold. ARGV hold value, time to live (ms). Returns 1, or 0 when it is not ours any more.
-- A full server must not cost us the lane: nothing grows here.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
