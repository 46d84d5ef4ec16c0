import type { Script } from './port.ts'
import { scriptOf } from './run-script.ts'

/**
 * SYNC: one instance tells what it holds, wants and no longer wants; the server grants what is free, in
 * the order of arrival. All counters are cumulative and only grow, so that a message lost, repeated or late
 * does no harm. The protocol is described in docs/decisions.
 *
 * KEYS  1 `m` what the bucket knows, 2 `e` incarnation -> end of its lease; then for each key: `s` its
 *       counters, `q` its queue (score: the ticket; member: `incarnation:sequence:weight`)
 * ARGV  1 incarnation, 2 number, 3 registered, 4 epoch, 5 revision, 6 confirmed, 7 previous, 8 lease,
 *       9 keyed, 10 local, 11 bye, 12 channel; then for each key twelve more, as `wire.ts` writes them
 *
 * Times are ms, except for the revision, which starts at the time in microseconds: it has 16 digits, and
 * Lua's own conversion to text keeps 14, hence `int`.
 *
 * `TIME` and `INFO` occur once each, lest a test could not put a clock of its own in their place.
 */
const text = `
local meta, leases = KEYS[1], KEYS[2]
local inc, number, registered = ARGV[1], tonumber(ARGV[2]), ARGV[3] == '1'
local theirEpoch, theirRevision, confirmed = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local previous, lease = ARGV[7], tonumber(ARGV[8])
local keyed, bye, channel = ARGV[9] == '1', ARGV[11] == '1', ARGV[12]
local DAY = 86400000

local function int(value) return string.format('%.0f', value) end

local saved = redis.call('HMGET', meta, 'ep', 'lu', 'v', 't', 'off', 'rg', 'ls', 'lo', 'i:' .. inc)
local function number_of(index) return tonumber(saved[index] or 0) end
local epoch, last = saved[1], saved[9] and tonumber(saved[9])
if epoch and last and last >= number then return { 2, number } end

local time = redis.call('TIME')
local micros = tonumber(time[1]) * 1000000 + tonumber(time[2])
local learnUntil, revision, before, offset = number_of(2), number_of(3), number_of(4), number_of(5)
local generation = number_of(6)
local longest = math.max(number_of(7), lease)
local half = math.floor(longest / 2)
local locals = ARGV[10] == '1' or saved[8] == '1'
local now = math.floor(micros / 1000) + offset
if now < before then
  offset = offset + before - now
  now = before
end

local function prolong(till)
  for _, each in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', '(' .. int(till))) do
    redis.call('ZADD', leases, int(till), each)
  end
end

local function uptime()
  local info = redis.pcall('INFO', 'server')
  if type(info) ~= 'string' then return 0 end
  return 1000 * tonumber(string.match(info, 'uptime_in_seconds:(%d+)') or 0)
end

local known = redis.call('ZSCORE', leases, inc)
if not epoch then
  revision = math.max(micros, theirRevision)
  epoch = int(revision) .. ':' .. inc
  generation = now
  if not registered and previous == '' and uptime() > longest then
    learnUntil = 0
  else
    learnUntil = now + longest
    prolong(learnUntil)
  end
else
  local loss = false
  if registered then
    if theirEpoch == epoch then
      loss = theirRevision > revision or (last and last < confirmed)
    else
      loss = now >= learnUntil
    end
  end
  if loss then
    revision = math.max(revision, theirRevision, micros)
    epoch = int(revision) .. ':' .. inc
    learnUntil = now + longest
    prolong(learnUntil)
  elseif now - before > half then
    local others = redis.call('ZCARD', leases) - (known and 1 or 0)
    if previous ~= '' and redis.call('ZSCORE', leases, previous) then others = others - 1 end
    if others > 0 then
      learnUntil = math.max(learnUntil, now + half)
      prolong(now + half)
    end
  end
end
revision = revision + 1
local learning = now < learnUntil

local function reclaim(each)
  if redis.call('ZREM', leases, each) == 1 then
    redis.call('HDEL', meta, 'i:' .. each)
    return 1
  end
  return 0
end

local reclaimed = 0
for _, each in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', int(now), 'LIMIT', 0, 17)) do
  if each ~= inc and reclaimed < 16 then reclaimed = reclaimed + reclaim(each) end
end
if previous ~= '' then reclaimed = reclaimed + reclaim(previous) end
if reclaimed > 0 then generation = generation + 1 end

local function save(...)
  redis.call('HSET', meta, 'ep', epoch, 'lu', int(learnUntil), 'v', int(revision), 't', int(now),
    'off', int(offset), 'rg', int(generation), 'ls', int(longest), 'lo', locals and '1' or '0', ...)
end

if not known and registered and not learning then
  save()
  return { 1, number, epoch, revision }
end
redis.call('ZADD', leases, int(now + lease), inc)

local function sync(key, counters, queue, at)
  local fields = redis.call('HMGET', counters, 'n', 'rg', 'tk', 'lim', 'cap', 'cv', 'p', 'c:' .. inc)
  local function field(index) return tonumber(fields[index] or 0) end
  local inUse, ticket, pressure = field(1), field(3), field(7)
  local limit, capacity, version = field(4), field(5), field(6)
  local length = redis.call('ZCARD', queue)
  local records, changed = {}, {}

  local function read(owner, value)
    if not value then return nil end
    local granted, returned, wanted, served, rejections, queued, log =
      string.match(value, '^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (.*)$')
    local record = { owner = owner, granted = tonumber(granted), returned = tonumber(returned),
      wanted = tonumber(wanted), served = tonumber(served), rejections = tonumber(rejections),
      queued = tonumber(queued), log = {} }
    for run in string.gmatch(log, '[^,]+') do record.log[#record.log + 1] = run end
    records[owner] = record
    return record
  end

  local function record_of(owner)
    return records[owner] or read(owner, redis.call('HGET', counters, 'c:' .. owner))
  end

  local function change(record)
    if not record.changed then
      record.changed = true
      changed[#changed + 1] = record
    end
  end

  local function grant(record, sequence, weight)
    inUse = inUse + weight
    record.granted = record.granted + weight
    record.served = sequence
    change(record)
  end

  local function reject(record, sequence)
    if record.open and record.open[2] == sequence - 1 then
      record.open[2] = sequence
    else
      record.open = { sequence, sequence }
      record.log[#record.log + 1] = record.open
      record.rejections = record.rejections + 1
    end
    change(record)
  end

  if fields[2] ~= int(generation) then
    local gone, queued = {}, false
    local all = redis.call('HGETALL', counters)
    for index = 1, #all, 2 do
      local owner = string.match(all[index], '^c:(.*)$')
      if owner and not redis.call('ZSCORE', leases, owner) then
        local record = read(owner, all[index + 1])
        records[owner] = nil
        inUse = inUse - (record.granted - record.returned)
        redis.call('HDEL', counters, 'c:' .. owner)
        gone[owner] = true
        queued = queued or record.queued > 0
      end
    end
    if queued then
      for _, member in ipairs(redis.call('ZRANGE', queue, 0, -1)) do
        if gone[string.match(member, '^(.*):%d+:%d+$')] then redis.call('ZREM', queue, member) end
      end
      length = redis.call('ZCARD', queue)
    end
  end

  local theirVersion = tonumber(ARGV[at + 9])
  if not fields[4] or theirVersion > version
    or (theirVersion == version and not registered and previous == '') then
    limit, capacity, version = tonumber(ARGV[at + 7]), tonumber(ARGV[at + 8]), theirVersion
  end

  local own = read(inc, fields[8])
    or { owner = inc, granted = 0, returned = 0, wanted = 0, served = 0, rejections = 0, queued = 0, log = {} }
  records[inc] = own
  change(own)
  local granted, returned = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  if granted > own.granted then
    inUse = inUse + granted - own.granted
    own.granted = granted
  end
  if returned > own.returned then
    inUse = inUse - (returned - own.returned)
    own.returned = returned
  end
  local served = tonumber(ARGV[at + 3])
  if served > own.served then
    own.served = served
    if own.queued > 0 then
      for _, member in ipairs(redis.call('ZRANGE', queue, 0, -1)) do
        local owner, sequence = string.match(member, '^(.*):(%d+):%d+$')
        if owner == inc and tonumber(sequence) <= served then
          redis.call('ZREM', queue, member)
          own.queued = own.queued - 1
          length = length - 1
        end
      end
    end
  end
  local rejections = tonumber(ARGV[at + 4])
  if rejections > own.rejections then
    own.rejections = rejections
    own.log = {}
  else
    while #own.log > own.rejections - rejections do table.remove(own.log, 1) end
  end

  for cancel in string.gmatch(ARGV[at + 11], '[^,]+') do
    local removed = redis.call('ZREM', queue, inc .. ':' .. cancel)
    own.queued = own.queued - removed
    length = length - removed
  end

  local blocked = learning or length == 0
  while not blocked do
    local removed = 0
    local heads = redis.call('ZRANGE', queue, 0, 15)
    for _, member in ipairs(heads) do
      local owner, sequence, weight = string.match(member, '^(.*):(%d+):(%d+)$')
      sequence, weight = tonumber(sequence), tonumber(weight)
      local record = record_of(owner)
      if record then
        if limit > 0 and weight > limit then
          reject(record, sequence)
        elseif inUse + weight <= limit then
          grant(record, sequence, weight)
        else
          blocked = true
          break
        end
        record.queued = record.queued - 1
      end
      removed = removed + 1
    end
    if removed > 0 then redis.call('ZREMRANGEBYRANK', queue, 0, removed - 1) end
    length = length - removed
    if #heads < 16 then blocked = true end
  end

  local gap = 0
  if tonumber(ARGV[at + 5]) > own.wanted then
    gap = 1
  else
    local newcomers = {}
    local function enqueue()
      if #newcomers > 0 then redis.call('ZADD', queue, unpack(newcomers)) end
      newcomers = {}
    end
    for first, count, weight in string.gmatch(ARGV[at + 10], '(%d+),(%d+),(%d+)') do
      first, count, weight = tonumber(first), tonumber(count), tonumber(weight)
      for sequence = math.max(first, own.wanted + 1), first + count - 1 do
        if limit > 0 and weight > limit then
          reject(own, sequence)
        elseif not learning and length == 0 and inUse + weight <= limit then
          grant(own, sequence, weight)
        elseif length < capacity then
          ticket = ticket + 1
          length = length + 1
          own.queued = own.queued + 1
          newcomers[#newcomers + 1] = int(ticket)
          newcomers[#newcomers + 1] = inc .. ':' .. int(sequence) .. ':' .. int(weight)
          if #newcomers >= 1000 then enqueue() end
        else
          reject(own, sequence)
        end
      end
    end
    enqueue()
    own.wanted = math.max(own.wanted, tonumber(ARGV[at + 6]))
  end

  local pressed = length > 0 and 1 or 0
  if locals and pressed ~= pressure then
    for _, name in ipairs(redis.call('HKEYS', counters)) do
      local owner = string.match(name, '^c:(.*)$')
      if owner then change(record_of(owner)) end
    end
  end

  local values = { 'n', int(inUse), 'rg', int(generation), 'tk', int(ticket), 'lim', int(limit),
    'cap', int(capacity), 'cv', int(version), 'p', pressed }
  local ownLog = ''
  for _, record in ipairs(changed) do
    local runs = {}
    for index, run in ipairs(record.log) do
      runs[index] = type(run) == 'string' and run or int(run[1]) .. '-' .. int(run[2])
    end
    local log = table.concat(runs, ',')
    if record == own then
      ownLog = log
    else
      redis.call('PUBLISH', channel .. string.match(record.owner, '^(.*)%.'), table.concat({ record.owner,
        epoch, int(revision), int(record.granted), int(record.served), int(record.rejections), pressed, key }, ' '))
    end
    if not (keyed and record == own and own.granted == own.returned and own.queued == 0 and log == '') then
      values[#values + 1] = 'c:' .. record.owner
      values[#values + 1] = table.concat({ int(record.granted), int(record.returned), int(record.wanted),
        int(record.served), int(record.rejections), int(record.queued), log }, ' ')
    else
      redis.call('HDEL', counters, 'c:' .. inc)
    end
  end
  redis.call('HSET', counters, unpack(values))
  if keyed then
    -- Nothing but the seven fields above.
    if version == 0 and redis.call('HLEN', counters) == 7 then
      redis.call('DEL', counters, queue)
    else
      redis.call('PEXPIRE', counters, DAY)
      redis.call('PEXPIRE', queue, DAY)
    end
  end

  return { own.granted, own.served, own.rejections, ownLog, own.wanted, own.queued, gap,
    limit, capacity, version, length, pressed }
end

local replies = {}
for index = 1, (#KEYS - 2) / 2 do
  local at = 13 + (index - 1) * 12
  replies[index] = sync(ARGV[at], KEYS[1 + 2 * index], KEYS[2 + 2 * index], at)
end

if bye then
  redis.call('ZREM', leases, inc)
  redis.call('HDEL', meta, 'i:' .. inc)
  generation = generation + 1
  save()
else
  save('i:' .. inc, int(number))
end
return { 0, number, epoch, revision, redis.call('ZCARD', leases), math.max(0, learnUntil - now), replies }
`

let script: Script | undefined

/** The script with its SHA-1, computed when it is first needed. */
export function syncScript(): Script {
  script ??= scriptOf(text)
  return script
}
