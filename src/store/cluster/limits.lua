-- Limits: the generic cell rate algorithm, as src/store/limits.rs has it. A limit's key holds the time at which all of its burst
-- will be there again, and ends then. Calls give a limit as its key and two arguments, burst and interval in milliseconds; a call
-- without them has no limit.

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function limit(name, burst, interval_ms)
  if not name then return nil end
  return { name = name, burst_ms = tonumber(burst) * tonumber(interval_ms), interval_ms = tonumber(interval_ms) }
end

-- A clock that was set back must not make anybody wait for longer than a burst takes.
local function full_at_ms(of, now)
  local full_at = tonumber(redis.call('GET', of.name) or now) or now
  return math.min(math.max(full_at, now), now + of.burst_ms)
end

local function fill_at(of, full_at, now)
  redis.call('SET', of.name, string.format('%.17g', full_at), 'PX', string.format('%.0f', math.ceil(full_at - now)))
end

-- Takes a slot. Nil and how many are left, or in how many milliseconds there will be one.
local function take_slot(of, now)
  local full_at = full_at_ms(of, now) + of.interval_ms
  if full_at > now + of.burst_ms then return string.format('%.0f', math.ceil(full_at - of.burst_ms - now)) end
  fill_at(of, full_at, now)
  -- What is missing of a whole slot may be a matter of rounding.
  return nil, string.format('%.0f', math.floor((now + of.burst_ms - full_at) / of.interval_ms + 0.001))
end
