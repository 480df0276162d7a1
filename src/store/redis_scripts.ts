/**
 * What the Redis store does in one piece on the server, in Lua.
 *
 * Below a prefix `P`: `P:value:KEY` has the bytes of a snapshot, the sorted set `P:used` the
 * microsecond of its last use, the hash `P:bytes` its size, and the set `P:kept` the keys that are
 * kept. The sorted set `P:keys` has all keys in the order of their bytes. The hash `P:lease:KEY` is
 * the newest lease (`owner`, `fence`, `until` in microseconds), and `P:fence` the last fence. The
 * time is the server's own.
 *
 * @module
 */
import { FENCE_MEMORY_MS } from "./rules.ts";

/** `KEYS[1]` is the prefix of all keys, `ARGV[1]` the key of the snapshot. */
const COMMON = `
local prefix, key = KEYS[1], ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function whole(number) return string.format('%.0f', number) end
local function name(part, key) return prefix .. ':' .. part .. ':' .. key end
local function newest(key)
  local lease = redis.call('HMGET', name('lease', key), 'owner', 'fence', 'until')
  return lease[1], tonumber(lease[2]), tonumber(lease[3])
end
local function is_leased(key)
  local _, _, till = newest(key)
  return till ~= nil and till > now
end
-- What forbids a write with this fence; '' is no fence.
local function refusal(fence)
  local owner, granted, till = newest(key)
  if not owner then return nil end
  if fence == '' then
    if till <= now then return nil end
  elseif tonumber(fence) >= granted then
    return nil
  end
  return {'fenced', owner, whole(granted)}
end
-- Now, but later than every use before.
local function use()
  local last = redis.call('ZREVRANGE', prefix .. ':used', 0, 0, 'WITHSCORES')[2]
  local at = math.max(now, (tonumber(last) or 0) + 1)
  redis.call('ZADD', prefix .. ':used', whole(at), key)
end
local function remove(key)
  redis.call('DEL', name('value', key))
  redis.call('ZREM', prefix .. ':used', key)
  redis.call('HDEL', prefix .. ':bytes', key)
  redis.call('SREM', prefix .. ':kept', key)
  redis.call('ZREM', prefix .. ':keys', key)
end
`;

/** Marks a snapshot as used; forgets it when the server itself has dropped it. */
export const USE = COMMON + `
if redis.call('EXISTS', name('value', key)) == 1 then use() else remove(key) end
`;

/**
 * Makes the value `KEYS[2]` the snapshot, and makes room for it.
 *
 * `ARGV`: key, fence, 1 to keep it, most bytes or ''. Gives `{'ok'}`, `{'full'}`, or
 * `{'fenced', owner, fence}`.
 */
export const PUT = COMMON + `
local fresh, limit = KEYS[2], tonumber(ARGV[4])
local refused = refusal(ARGV[2])
if redis.call('EXISTS', fresh) == 0 then return redis.error_reply('ERR the value was lost') end
local need = redis.call('STRLEN', fresh)
local evicted = {}
if not refused and limit then
  need = need - limit
  local sizes = redis.call('HGETALL', prefix .. ':bytes')
  for i = 1, #sizes, 2 do
    if sizes[i] ~= key then need = need + sizes[i + 1] end
  end
  local others = need > 0 and redis.call('ZRANGE', prefix .. ':used', 0, -1) or {}
  for _, other in ipairs(others) do
    if need <= 0 then break end
    local kept = redis.call('SISMEMBER', prefix .. ':kept', other) == 1
    if other ~= key and not kept and not is_leased(other) then
      need = need - redis.call('HGET', prefix .. ':bytes', other)
      table.insert(evicted, other)
    end
  end
  if need > 0 then refused = {'full'} end
end
if refused then
  redis.call('DEL', fresh)
  return refused
end
for _, other in ipairs(evicted) do remove(other) end
redis.call('SREM', prefix .. ':kept', key)
if ARGV[3] == '1' then redis.call('SADD', prefix .. ':kept', key) end
redis.call('HSET', prefix .. ':bytes', key, redis.call('STRLEN', fresh))
redis.call('RENAME', fresh, name('value', key))
redis.call('PERSIST', name('value', key))
redis.call('ZADD', prefix .. ':keys', 0, key)
use()
return {'ok'}
`;

/** Removes a snapshot. `ARGV`: key, fence. Gives `{'ok'}` or `{'fenced', owner, fence}`. */
export const DELETE = COMMON + `
local refused = refusal(ARGV[2])
if refused then return refused end
remove(key)
return {'ok'}
`;

/**
 * The snapshots whose keys begin with `ARGV[1]`: key, bytes, use, 1 if kept. No key has the byte
 * that ends their range.
 */
export const LIST = COMMON + `
local list = {}
local first = key == '' and '-' or '[' .. key
for _, key in ipairs(redis.call('ZRANGEBYLEX', prefix .. ':keys', first, '(' .. key .. '\\255')) do
  if redis.call('EXISTS', name('value', key)) == 1 then
    local used = redis.call('ZSCORE', prefix .. ':used', key)
    local kept = redis.call('SISMEMBER', prefix .. ':kept', key)
    local bytes = redis.call('HGET', prefix .. ':bytes', key)
    table.insert(list, {key, bytes, whole(tonumber(used)), whole(kept)})
  end
end
return list
`;

/** Grants a lease. `ARGV`: key, owner, milliseconds. Gives its fence; 0 while the key is leased. */
export const LEASE = COMMON + `
if is_leased(key) then return 0 end
local fence = redis.call('INCR', prefix .. ':fence')
local till = now + ARGV[3] * 1000
redis.call('HSET', name('lease', key), 'owner', ARGV[2], 'fence', fence, 'until', whole(till))
redis.call('PEXPIRE', name('lease', key), ARGV[3] + ${FENCE_MEMORY_MS})
return fence
`;

/** Moves the end of a lease. `ARGV`: key, fence, milliseconds. Gives 1; 0 if it is not newest. */
export const EXTEND = COMMON + `
local _, granted = newest(key)
if granted ~= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', name('lease', key), 'until', whole(now + ARGV[3] * 1000))
redis.call('PEXPIRE', name('lease', key), ARGV[3] + ${FENCE_MEMORY_MS})
return 1
`;
