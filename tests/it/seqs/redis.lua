-- Some Redis servers in memory, as faithful as the Functions of the product need: values are strings, absent ones are false,
-- a library loads without redis.call, sets no globals, and a function without writes writes nothing.

local servers, here, writes = {}, nil, true

local function text(value)
  if type(value) == 'number' then return string.format('%.17g', value) end
  assert(type(value) == 'string', 'an argument is a string or a number')
  return value
end

-- The value under a name; expired ones are gone.
local function entry(name)
  local found = here.entries[name]
  if found and found.until_ms and found.until_ms <= here.clock_ms then
    here.entries[name], found = nil, nil
  end
  return found and found.value
end

local function hash(name)
  local found = entry(name)
  assert(found == nil or type(found) == 'table', 'WRONGTYPE')
  return found
end

local reads = {
  TIME = function()
    return { text(math.floor(here.clock_ms / 1000)), text(here.clock_ms % 1000 * 1000) }
  end,
  INFO = function(section)
    assert(section == 'replication')
    return '# Replication\r\nrole:master\r\nmaster_failover_state:no-failover\r\nmaster_replid:' .. here.replid
      .. '\r\nmaster_replid2:0000000000000000000000000000000000000000\r\nmaster_repl_offset:0\r\n'
  end,
  GET = function(name) return entry(name) or false end,
  HGET = function(name, field) return (hash(name) or {})[field] or false end,
  HEXISTS = function(name, field) return (hash(name) or {})[field] and 1 or 0 end,
  HMGET = function(name, ...)
    local found, values = hash(name) or {}, {}
    for at, field in ipairs({ ... }) do values[at] = found[field] or false end
    return values
  end,
}

local changes = {
  DEL = function(name)
    here.entries[name] = nil
    return 1
  end,
  SET = function(name, value, px, ms)
    assert(px == 'PX')
    here.entries[name] = { value = value, until_ms = here.clock_ms + tonumber(ms) }
    return { ok = 'OK' }
  end,
  PEXPIRE = function(name, ms)
    if not entry(name) then return 0 end
    here.entries[name].until_ms = here.clock_ms + tonumber(ms)
    return 1
  end,
  HSET = function(name, ...)
    local words = { ... }
    assert(#words % 2 == 0 and #words > 0, 'wrong number of arguments')
    if not hash(name) then here.entries[name] = { value = {} } end
    for at = 1, #words, 2 do hash(name)[words[at]] = words[at + 1] end
    return #words / 2
  end,
  HDEL = function(name, ...)
    for _, field in ipairs({ ... }) do
      if hash(name) then hash(name)[field] = nil end
    end
    if hash(name) and next(hash(name)) == nil then here.entries[name] = nil end
    return 1
  end,
}

local function call(command, ...)
  local words = {}
  for at = 1, select('#', ...) do words[at] = text((select(at, ...))) end
  local change = changes[command]
  assert(not change or writes, 'Write commands are not allowed from read-only scripts.')
  return assert(change or reads[command], 'unknown command ' .. command)(unpack(words))
end

local function copied(value)
  if type(value) ~= 'table' then return value end
  local copy = {}
  for field, inner in pairs(value) do copy[field] = copied(inner) end
  return copy
end

local world = {}

-- Loads a library, and gives what it registers.
function world.load(code)
  local library = {}
  local redis = {
    register_function = function(name, callback)
      local named = type(name) == 'table' and name or { function_name = name, callback = callback, flags = {} }
      assert(not library[named.function_name], 'Function already exists in the library')
      library[named.function_name] = { run = named.callback, reads = named.flags[1] == 'no-writes' }
    end,
  }
  local names = { redis = redis }
  for _, name in ipairs({ 'string', 'math', 'table', 'tonumber', 'tostring', 'ipairs', 'pairs', 'unpack', 'type', 'next', 'select' }) do
    names[name] = _G[name]
  end
  local strict = function(_, name) error('Script attempted to access nonexistent global variable ' .. name) end
  setmetatable(names, { __index = strict, __newindex = strict })
  local chunk = assert(loadstring(code, '@functions.lua'))
  setfenv(chunk, names)
  chunk()
  redis.call = call
  return library
end

function world.reset(count)
  for at = 1, count do servers[at] = { entries = {}, clock_ms = 0, replid = '' } end
end

function world.call(library, at, name, keys, args)
  here = servers[at]
  local called = assert(library[name], 'Function not found')
  writes = not called.reads
  return called.run(keys, args)
end

-- All that is stored: names, fields of hashes, values; and when names end.
function world.stored(at)
  here = servers[at]
  local stored = {}
  for name in pairs(here.entries) do
    local value = entry(name)
    local fields = type(value) == 'table' and value or { [''] = value }
    for field, inner in pairs(value and fields or {}) do table.insert(stored, { name, field, inner }) end
    local until_ms = value and here.entries[name].until_ms
    if until_ms then table.insert(stored, { name, 'until_ms', text(until_ms) }) end
  end
  return stored
end

function world.set_field(at, name, field, value) servers[at].entries[name].value[field] = value end
function world.set(at, field, value) servers[at][field] = value end
function world.flush(at) servers[at].entries = {} end
function world.keep(at) servers[at].kept = copied(servers[at].entries) end
function world.roll_back(at) servers[at].entries = copied(servers[at].kept or {}) end
function world.copy(from, to)
  servers[to].entries, servers[to].replid = copied(servers[from].entries), servers[from].replid
end

return world
