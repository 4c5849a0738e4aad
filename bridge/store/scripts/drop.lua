#!lua
-- Drop a dead letter and journal that. KEYS dead letters, journal. ARGV its id, the packed fact.
-- Returns 1, or 0 when it is no dead letter any more; then nothing is journaled.
if redis.call('XDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('XADD', KEYS[2], '*', 'f', ARGV[2])
return 1
