#!lua
-- Put dead letters back at the end of the lane's stream, in the order given. KEYS dead letters, stream.
-- ARGV ids of dead letters. Returns for each the id of its new entry; empty where it is no dead letter any more,
-- so of two people who retry one at once only one does.
local entries = {}
for i = 1, #ARGV do
  local found = redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i])[1]
  if found then
    local field = {}
    for at = 1, #found[2], 2 do field[found[2][at]] = found[2][at + 1] end
    entries[i] = redis.call('XADD', KEYS[2], '*', 'u', field['u'], 'e', field['e'])
    redis.call('XDEL', KEYS[1], ARGV[i])
  else
    entries[i] = ''
  end
end
return entries
