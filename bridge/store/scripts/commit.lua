#!lua
-- Write one decision, or refuse it as a whole: every check comes before the first write, and a full or read-only
-- server refuses the script before it starts (it has a #! line and no allow-oom). Every call costs about as much as
-- what it does, and every write is written to disk as a command of its own: there are no more than needed.
--
-- KEYS 1 hold  2 record  3 pending actions  4 busy  5 stream  6 due  7 timers  8 tries  9 journal
--      then: seen sets (the first takes this event), keys to set, keys to drop, recent lists, lists to take a row from, lists to
--      put one into, counter and number
-- ARGV 1 hold value  2 expected version (8 bytes or none)  3 new record (empty: as it was; `-`: none)  4 unit  5 event's hash  6 stream entry
--      7 action that must be pending  8 sixteen-bit and 32-bit numbers in one string: how many of each of what
--      follows there are, and how long things are kept; then the values, in the order of the counts
-- Returns 1 written, 0 decided before (the entry is gone now), -1 not our lane, -2 another version.
local call = redis.call
if call('GET', KEYS[1]) ~= ARGV[1] then return -1 end

local seen, added, ended, timers, cleared, sets, drops, recents, facts, removals, rows, numbers, tried, seen_s,
  set_s, recent_length = struct.unpack('>HHHHHHHHHHHHHIIH', ARGV[8])
local key, arg = 10, 9

local known = ARGV[7] ~= '' and call('HEXISTS', KEYS[3], ARGV[7]) == 0
for i = key + 1, key + seen - 1 do
  known = known or call('SISMEMBER', KEYS[i], ARGV[5]) == 1
end
if not known and call('GETRANGE', KEYS[2], 0, 7) ~= ARGV[2] then
  if seen == 0 or call('SISMEMBER', KEYS[key], ARGV[5]) == 0 then return -2 end
  known = true
end
-- The set of these days answers by taking the event: the last check is the first write.
known = known or (seen > 0 and call('SADD', KEYS[key], ARGV[5]) == 0)
if ARGV[6] ~= '' then
  call('XDEL', KEYS[5], ARGV[6])
  if tried > 0 then call('HDEL', KEYS[8], ARGV[6]) end
end
if known then return 0 end

if seen_s > 0 then call('EXPIRE', KEYS[key], seen_s) end
if ARGV[3] == '-' then
  call('DEL', KEYS[2])
elseif ARGV[3] ~= '' then
  call('SET', KEYS[2], ARGV[3])
end
key = key + seen

-- Pending actions: pairs of id and action, or of id and mark; then ids that end, each with its mark.
if added > 0 then
  call('HSET', KEYS[3], unpack(ARGV, arg, arg + added * 2 - 1))
  arg = arg + added * 2
end
if ended > 0 then
  call('HDEL', KEYS[3], unpack(ARGV, arg, arg + ended * 2 - 1))
  arg = arg + ended * 2
end
if added > 0 then
  call('SADD', KEYS[4], ARGV[4])
elseif ended > 0 and call('EXISTS', KEYS[3]) == 0 then
  call('SREM', KEYS[4], ARGV[4])
end

-- Timers: due time, token and event of each; then tokens to clear.
for _ = 1, timers do
  call('ZADD', KEYS[6], ARGV[arg], ARGV[arg + 1])
  call('HSET', KEYS[7], ARGV[arg + 1], ARGV[arg + 2])
  arg = arg + 3
end
if cleared > 0 then
  call('ZREM', KEYS[6], unpack(ARGV, arg, arg + cleared - 1))
  call('HDEL', KEYS[7], unpack(ARGV, arg, arg + cleared - 1))
  arg = arg + cleared
end

-- Message records and what leads to them; what goes; lines of recent history.
for _ = 1, sets do
  call('SET', KEYS[key], ARGV[arg], 'EX', set_s)
  key, arg = key + 1, arg + 1
end
if drops > 0 then
  call('DEL', unpack(KEYS, key, key + drops - 1))
  key = key + drops
end
for _ = 1, recents do
  if call('RPUSH', KEYS[key], ARGV[arg]) > recent_length then
    call('LTRIM', KEYS[key], -recent_length, -1)
  end
  key, arg = key + 1, arg + 1
end

-- Facts: one entry for all, as field and value in turn. Only the archiver takes them out again.
if facts > 0 then
  call('XADD', KEYS[9], '*', unpack(ARGV, arg, arg + facts * 2 - 1))
  arg = arg + facts * 2
end

-- Rows of the desk lane's lists, and a new conversation's number.
for _ = 1, removals do
  call('HDEL', KEYS[key], ARGV[arg])
  key, arg = key + 1, arg + 1
end
for _ = 1, rows do
  call('HSET', KEYS[key], ARGV[arg], ARGV[arg + 1])
  key, arg = key + 1, arg + 2
end
if numbers > 0 then
  -- Decisions of several contacts may be committed in another order than they took their numbers in.
  if tonumber(call('GET', KEYS[key]) or 0) < tonumber(ARGV[arg]) then call('SET', KEYS[key], ARGV[arg]) end
  call('SET', KEYS[key + 1], ARGV[arg + 1])
end
return 1
