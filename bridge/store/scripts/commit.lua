#!lua
-- Write one decision, or refuse it as a whole: every check comes before the first write, and a full or read-only
-- server refuses the script before it starts (it has a #! line and no allow-oom).
--
-- A call costs about as much as what it does, every key and argument a fifth of a call, and every write is written to
-- disk as a command of its own. So only what is needed is named, called and written.
--
-- KEYS 1 hold  2 record, then, as far as they are used and in this order: seen sets (the first takes this event),
--      pending actions, stream, tries, busy, message records, recent lists, journal, due and timers, keys to drop,
--      lists to take a row from, lists to put one into, counter and number
-- ARGV 1 hold value  2 numbers in one string: see `commit.py`; then, as far as there are some: the event, the action that
--      must be pending, the entry, the new record, actions, unit, message records, what few decisions do, lines, facts
-- Returns 1 written, 0 decided before (the entry is gone now), -1 not our lane, -2 another version.
local call = redis.call
local now = call('MGET', KEYS[1], KEYS[2])
if now[1] ~= ARGV[1] then return -1 end

local version, record, seen, seen_s, required, added, ended, entry, tried, fields, fields_s, recents, recent_length,
  facts, more = struct.unpack('>c8BBIBHHBBHIHHHB', ARGV[2])
local key, arg = 3, 3

local sets, event, actions, must = key, nil, nil, nil
if seen > 0 then
  event = ARGV[arg]
  key, arg = key + seen, arg + 1
end
if required + added + ended > 0 then
  actions = KEYS[key]
  key = key + 1
end
if required > 0 then
  must = ARGV[arg]
  arg = arg + 1
end

local stale = (now[2] and string.sub(now[2], 1, 8) or '\0\0\0\0\0\0\0\0') ~= version
local known = false
-- Where nothing but the action itself ends (2), its removal answers, as the first write.
if required == 1 or (required == 2 and stale) then known = call('HEXISTS', actions, must) == 0 end
for i = sets + 1, sets + seen - 1 do
  known = known or call('SISMEMBER', KEYS[i], event) == 1
end
if stale and not known then
  if seen == 0 or call('SISMEMBER', KEYS[sets], event) == 0 then return -2 end
  known = true
end
-- The set of these days answers by taking the event: the last check is the first write.
if not known and seen > 0 then known = call('SADD', KEYS[sets], event) == 0 end
if not known and required == 2 then known = call('HDEL', actions, must, '!' .. must) == 0 end
if entry == 1 then
  call('XDEL', KEYS[key], ARGV[arg])
  key = key + 1
  if tried == 1 then
    call('HDEL', KEYS[key], ARGV[arg])
    key = key + 1
  end
  arg = arg + 1
end
if known then return 0 end

if seen_s > 0 then call('EXPIRE', KEYS[sets], seen_s) end
if record == 1 then
  call('SET', KEYS[2], ARGV[arg])
  arg = arg + 1
elseif record == 2 then
  call('DEL', KEYS[2])
end

-- Pending actions: pairs of id and action, or of id and mark; then ids that end, each with its mark.
if added > 0 then
  call('HSET', actions, unpack(ARGV, arg, arg + added * 2 - 1))
  arg = arg + added * 2
end
if ended > 0 then
  local gone = {}
  for i = arg, arg + ended - 1 do
    gone[#gone + 1] = ARGV[i]
    gone[#gone + 1] = '!' .. ARGV[i]
  end
  call('HDEL', actions, unpack(gone))
  arg = arg + ended
end
if added > 0 then
  call('SADD', KEYS[key], ARGV[arg])
elseif actions and call('EXISTS', actions) == 0 then
  call('SREM', KEYS[key], ARGV[arg])
end
if actions then key, arg = key + 1, arg + 1 end

-- Message records and what leads to them, some at once because Lua's stack is bounded; lines of recent history.
if fields > 0 then
  local last = arg + fields * 2 - 1
  for i = arg, last, 2000 do
    call('HSET', KEYS[key], unpack(ARGV, i, math.min(i + 1999, last)))
  end
  if fields_s > 0 then call('EXPIRE', KEYS[key], fields_s) end
  key, arg = key + 1, last + 1
end
local lines = key
key = key + recents

-- Facts: one entry for all, as field and value in turn. Only the archiver takes them out again.
local journal = KEYS[key]
if facts > 0 then key = key + 1 end

-- What few decisions do. Timers: due time, token and event of each; then tokens to clear. What goes: before new lines are
-- put where old ones go.
if more == 1 then
  local timers, cleared, drops, removals, rows, numbers = struct.unpack('>HHHHHB', ARGV[arg])
  arg = arg + 1
  for _ = 1, timers do
    call('ZADD', KEYS[key], ARGV[arg], ARGV[arg + 1])
    call('HSET', KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2])
    arg = arg + 3
  end
  if cleared > 0 then
    call('ZREM', KEYS[key], unpack(ARGV, arg, arg + cleared - 1))
    call('HDEL', KEYS[key + 1], unpack(ARGV, arg, arg + cleared - 1))
    arg = arg + cleared
  end
  if timers + cleared > 0 then key = key + 2 end
  if drops > 0 then
    call('DEL', unpack(KEYS, key, key + drops - 1))
    key = key + drops
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
    key, arg = key + 2, arg + 2
  end
end

for i = lines, lines + recents - 1 do
  if call('RPUSH', KEYS[i], ARGV[arg]) > recent_length then
    call('LTRIM', KEYS[i], -recent_length, -1)
  end
  arg = arg + 1
end
if facts > 0 then
  local entry = {}
  for i = arg, arg + facts - 1 do
    entry[#entry + 1] = 'f'
    entry[#entry + 1] = ARGV[i]
  end
  call('XADD', journal, '*', unpack(entry))
end
return 1
