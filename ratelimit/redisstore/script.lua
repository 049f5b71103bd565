-- Takes a cost from the bucket KEYS[1], which is the instant at which it will be
-- full, kept as Unix seconds with nine decimals. ARGV: the nanoseconds in which
-- one request is refilled, those in which an empty bucket is, the cost, and, for a
-- lease, the most to take beyond the cost.
--
-- Answers with the bucket's debt in nanoseconds, or, if the cost was refused,
-- with -1 - debt; for a lease with that and what was taken. Seconds and nanoseconds
-- are kept apart because a number of Lua holds 53 bits, which is less than
-- nanoseconds since 1970 need.
local clock = redis.call('TIME')
local seconds, nanos = tonumber(clock[1]), tonumber(clock[2]) * 1000
local interval, span, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local debt = 0
local full = redis.call('GET', KEYS[1])
if full then
  debt = (tonumber(string.sub(full, 1, -11)) - seconds) * 1e9 + (tonumber(string.sub(full, -9)) - nanos)
  if debt < 0 then
    debt = 0
  elseif debt > span then
    debt = span
  end
end
if cost == 0 then
  return debt
end

local left = debt + cost * interval
if left < 0 then
  left = 0
end
if cost > 0 and left > span then
  if ARGV[4] then
    return {-1 - debt, 0}
  end
  return -1 - debt
end
if ARGV[4] then
  local more = math.min(tonumber(ARGV[4]), math.floor((span - left) / interval))
  cost = cost + more
  left = left + more * interval
end
if left == 0 then
  redis.call('DEL', KEYS[1])
  return 0
end
nanos = nanos + left
seconds = seconds + math.floor(nanos / 1e9)
redis.call('SET', KEYS[1], string.format('%d.%09d', seconds, nanos % 1e9), 'PX', math.ceil(left / 1e6) + 1)
if ARGV[4] then
  return {left, cost}
end
return left
