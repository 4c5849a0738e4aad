#!lua
-- Delete a key if it still says so. KEYS the key. ARGV the value it has to have. Returns whether it went.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
