#!lua
-- Write one decision, or refuse it as a whole: every check comes before the first write, and a full or read-only
-- server refuses the script before it starts (it has a #! line and no allow-oom).
--
-- KEYS 1 hold  2 record  3 pending actions  4 busy  5 stream  6 due  7 timers  8 tries  9 journal
--      then: seen days (the first takes today's), keys to set, recent lists, lists to take a row from, lists to
--      put one into, counter and number
-- ARGV 1 hold value  2 expected version (8 bytes or none)  3 new record  4 unit  5 event's hash  6 stream entry
--      7 action that must be pending  8 seen: seconds to live  9 set: seconds to live  10 recent: length
--      11 journal: length
--      12 to 22: how many seen days, actions, ended actions, timers, cleared timers, sets, recents, facts,
--      row removals, row writes, numbers; then their values in that order
-- Returns 1 written, 0 decided before (the entry is gone now), -1 not our lane, -2 another version.
local call = redis.call
if call('GET', KEYS[1]) ~= ARGV[1] then return -1 end

local function drop_entry()
  if ARGV[6] ~= '' then
    call('XDEL', KEYS[5], ARGV[6])
    call('HDEL', KEYS[8], ARGV[6])
  end
end

local key, arg = 10, 23
local days = tonumber(ARGV[12])
for i = key, key + days - 1 do
  if call('SISMEMBER', KEYS[i], ARGV[5]) == 1 then
    drop_entry()
    return 0
  end
end
if ARGV[7] ~= '' and call('HEXISTS', KEYS[3], ARGV[7]) == 0 then
  drop_entry()
  return 0
end
if call('GETRANGE', KEYS[2], 0, 7) ~= ARGV[2] then return -2 end

call('SET', KEYS[2], ARGV[3])
drop_entry()
if days > 0 then
  call('SADD', KEYS[key], ARGV[5])
  if ARGV[8] ~= '' then call('EXPIRE', KEYS[key], ARGV[8]) end
end
key = key + days

-- Pending actions: pairs of id and action; then ids that end, each with its mark.
local added, ended = tonumber(ARGV[13]), tonumber(ARGV[14])
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
for _ = 1, tonumber(ARGV[15]) do
  call('ZADD', KEYS[6], ARGV[arg], ARGV[arg + 1])
  call('HSET', KEYS[7], ARGV[arg + 1], ARGV[arg + 2])
  arg = arg + 3
end
local cleared = tonumber(ARGV[16])
if cleared > 0 then
  call('ZREM', KEYS[6], unpack(ARGV, arg, arg + cleared - 1))
  call('HDEL', KEYS[7], unpack(ARGV, arg, arg + cleared - 1))
  arg = arg + cleared
end

-- Message records and what leads to them; lines of recent history.
for _ = 1, tonumber(ARGV[17]) do
  call('SET', KEYS[key], ARGV[arg], 'EX', ARGV[9])
  key, arg = key + 1, arg + 1
end
for _ = 1, tonumber(ARGV[18]) do
  if call('RPUSH', KEYS[key], ARGV[arg]) > tonumber(ARGV[10]) then
    call('LTRIM', KEYS[key], -tonumber(ARGV[10]), -1)
  end
  key, arg = key + 1, arg + 1
end

-- Facts: one entry for all, as field and value in turn.
local facts = tonumber(ARGV[19])
if facts > 0 then
  call('XADD', KEYS[9], 'MAXLEN', '~', ARGV[11], '*', unpack(ARGV, arg, arg + facts * 2 - 1))
  arg = arg + facts * 2
end

-- Rows of the desk lane's lists, and a new conversation's number.
for _ = 1, tonumber(ARGV[20]) do
  call('HDEL', KEYS[key], ARGV[arg])
  key, arg = key + 1, arg + 1
end
for _ = 1, tonumber(ARGV[21]) do
  call('HSET', KEYS[key], ARGV[arg], ARGV[arg + 1])
  key, arg = key + 1, arg + 2
end
if ARGV[22] == '1' then
  call('SET', KEYS[key], ARGV[arg])
  call('SET', KEYS[key + 1], ARGV[arg + 1])
end
return 1
