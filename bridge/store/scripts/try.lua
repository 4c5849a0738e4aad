#!lua
-- Count a try of a stream entry. KEYS hold, tries. ARGV hold value, entry. Returns the count, 0: not our lane.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('HINCRBY', KEYS[2], ARGV[2], 1)
