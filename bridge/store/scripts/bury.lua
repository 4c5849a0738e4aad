#!lua
-- Move an entry to the dead letters. KEYS hold, stream, dead letters, tries.
-- ARGV hold value, entry, unit, event, reason, event that tells people (empty: none). Returns 0 when the lane is not
-- ours.
-- An entry that is gone was buried or decided before, so it is not buried again.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if redis.call('XDEL', KEYS[2], ARGV[2]) == 1 then
  redis.call('XADD', KEYS[3], '*', 'u', ARGV[3], 'e', ARGV[4], 'id', ARGV[2], 'why', ARGV[5])
  if ARGV[6] ~= '' then redis.call('XADD', KEYS[2], '*', 'u', ARGV[3], 'e', ARGV[6]) end
end
redis.call('HDEL', KEYS[4], ARGV[2])
return 1
