#!lua
-- Append events to a lane in order, all or none. KEYS stream. ARGV unit and event in turn.
for i = 1, #ARGV, 2 do
  redis.call('XADD', KEYS[1], '*', 'u', ARGV[i], 'e', ARGV[i + 1])
end
return #ARGV / 2
