#!lua name=nexopush_VERSION
-- Users' push logs, their routes, and the nodes' streams: each function on one slot. VERSION is the hash of this text, so that the
-- functions of two releases stand side by side on one server. Every answer is a flat list of strings, the first of which says
-- what it is.
--
-- KEYS[1] of all but keep, sit and seated is `push:{user}`: one hash, so that it is lost as a whole or not at all.
--
--   layout, server   as this text writes it, and the replication id of the server that wrote it: on another one this is a copy
--                    that may lack entries, so it begins again under a new epoch; its routes stay, for they lapse by themselves
--   epoch            which log it is: a random number
--   last, at         the position of the last entry, from 1, and its time in ms, which never falls
--   nodes            the routes: node=until|connections; for each node, until when in ms it must be told, and how many it has
--   e:<position>     an entry: time|text. The oldest go when there are too many
--
-- There is a key while the user has a route, and for a while after its last one lapsed: that is how long it may recover.

local LAYOUT = '1'

-- Numbers as Redis keeps them: tostring would write large ones with an exponent.
local function int(number)
  return string.format('%.0f', number)
end

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- A server takes a new replication id whenever it starts as a master or becomes one.
local function this_server()
  return string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
end

-- The log with its live routes, in the order in which they came, each with its text in `nodes`; `there` if there is a key. `last` and
-- `at` stay the texts that Redis has, for most calls hand them on.
local function read(name)
  local values = redis.call('HMGET', name, 'layout', 'server', 'epoch', 'last', 'at', 'nodes')
  local log = { name = name, there = values[1] ~= false, here = this_server(), now = now_ms(), routes = {} }
  log.whole = values[1] == LAYOUT and values[2] == log.here
  log.epoch, log.last, log.at = values[3], values[4] or '0', values[5] or '0'
  for text, node, till, connections in string.gmatch(values[6] or '', '((%w+)=(%d+)|(%d+);)') do
    till = tonumber(till)
    if till > log.now then
      table.insert(log.routes, { text = text, node = node, till = till, connections = tonumber(connections) })
    end
  end
  return log
end

-- A log that is not there or may lack entries begins again, without its routes.
local function begin(log, epoch)
  if log.whole then return end
  redis.call('DEL', log.name)
  log.epoch, log.last, log.at = epoch, '0', int(math.max(tonumber(log.at), log.now))
  redis.call('HSET', log.name, 'layout', LAYOUT, 'server', log.here, 'epoch', epoch, 'last', log.last, 'at', log.at)
end

-- Writes the routes. The key lives for ttl after the last lease.
local function save(log, ttl)
  local nodes, till = '', log.now
  for _, route in ipairs(log.routes) do
    nodes = nodes .. route.text
    till = math.max(till, route.till)
  end
  redis.call('HSET', log.name, 'nodes', nodes)
  redis.call('PEXPIRE', log.name, int(till - log.now + ttl))
end

-- Sets the route of a node; no connections: it goes. Answers whether it was there, and how many connections the others have.
local function route(log, node, connections, lease)
  local was, others, routes = '0', 0, {}
  for _, known in ipairs(log.routes) do
    if known.node == node then
      was = '1'
    else
      others = others + known.connections
      table.insert(routes, known)
    end
  end
  if connections > 0 then
    local till = log.now + lease
    local text = node .. '=' .. int(till) .. '|' .. int(connections) .. ';'
    table.insert(routes, { text = text, node = node, till = till, connections = connections })
  end
  log.routes = routes
  return was, others
end

local function place(log, was)
  return { 'at', log.epoch, log.last, log.at, int(log.now), was }
end

-- join node connections lease ttl epoch limit: a node has so many connections of the user now. `full` if there would be more
-- than limit in all; then nothing changes. A repeat changes nothing but the lease, and says that the route was there.
local function join(keys, args)
  local log = read(keys[1])
  local connections = tonumber(args[2])
  local was, others = route(log, args[1], connections, tonumber(args[3]))
  if others + connections > tonumber(args[6]) then return { 'full' } end
  begin(log, args[5])
  save(log, tonumber(args[4]))
  return place(log, was)
end

-- renew node connections lease ttl epoch: the node goes on having so many; none: its route goes, and no log begins for that. A
-- repeat changes nothing but the lease.
local function renew(keys, args)
  local log = read(keys[1])
  local connections = tonumber(args[2])
  if connections == 0 and not log.there then return { 'none' } end
  local was = route(log, args[1], connections, tonumber(args[3]))
  begin(log, args[5])
  save(log, tonumber(args[4]))
  return place(log, was)
end

-- append text epoch capacity ttl: the next entry of whoever has a log, and the nodes to tell. A repeat appends once more.
local function append(keys, args)
  local log = read(keys[1])
  if not log.there then return { 'none' } end
  if not log.whole then
    begin(log, args[2])
    save(log, tonumber(args[4]))
  end
  local last, at = tonumber(log.last) + 1, int(math.max(tonumber(log.at), log.now))
  redis.call('HSET', log.name, 'e:' .. int(last), at .. '|' .. args[1], 'last', int(last), 'at', at)
  redis.call('HDEL', log.name, 'e:' .. int(last - tonumber(args[3])))
  local answer = { 'logged', log.epoch, int(last), at }
  for _, known in ipairs(log.routes) do
    table.insert(answer, known.node)
  end
  return answer
end

-- entries epoch first last: these entries in order, or `gone` if one of them is not kept any more or the log is another one.
local function entries(keys, args)
  local log = read(keys[1])
  local first, last = tonumber(args[2]), tonumber(args[3])
  if not log.whole or log.epoch ~= args[1] or last > tonumber(log.last) then return { 'gone' } end
  local answer = { 'entries' }
  for from = first, last, 500 do
    local fields = {}
    for position = from, math.min(from + 499, last) do
      table.insert(fields, 'e:' .. int(position))
    end
    for _, entry in ipairs(redis.call('HMGET', log.name, unpack(fields))) do
      if not entry then return { 'gone' } end
      table.insert(answer, entry)
    end
  end
  return answer
end

-- recent epoch last oldest: the entries up to this one that are not older than that, the newest first, as far as they are kept.
local function recent(keys, args)
  local log, position, oldest = read(keys[1]), tonumber(args[2]), tonumber(args[3])
  if not log.whole or log.epoch ~= args[1] then return { 'gone' } end
  local answer = { 'entries' }
  while position > 0 do
    local entry = redis.call('HGET', log.name, 'e:' .. int(position))
    if not entry or tonumber(string.match(entry, '%d+')) < oldest then break end
    table.insert(answer, entry)
    position = position - 1
  end
  return answer
end

-- nodes: those with connections of the user.
local function nodes(keys)
  local answer = { 'nodes' }
  for _, known in ipairs(read(keys[1]).routes) do
    table.insert(answer, known.node)
  end
  return answer
end

-- KEYS[1] of sit and seated is `gnodes:{conversation}`: a hash of the nodes that have members of a large group, each with the
-- time in ms until which it must be told.

-- sit node lease: a node has such members. A repeat changes nothing but the lease.
local function sit(keys, args)
  local now, was = now_ms(), 'new'
  local known = redis.call('HGETALL', keys[1])
  for at = 1, #known, 2 do
    if tonumber(known[at + 1]) <= now then
      redis.call('HDEL', keys[1], known[at])
    elseif known[at] == args[1] then
      was = 'there'
    end
  end
  redis.call('HSET', keys[1], args[1], int(now + tonumber(args[2])))
  redis.call('PEXPIRE', keys[1], args[2])
  return { was }
end

-- seated: the nodes that have such members. The function finish of seqs answers the same.
local function seated(keys)
  local answer, now, known = { 'nodes' }, now_ms(), redis.call('HGETALL', keys[1])
  for at = 1, #known, 2 do
    if tonumber(known[at + 1]) > now then table.insert(answer, known[at]) end
  end
  return answer
end

-- keep server lease: KEYS[1] is `node:{id}`, the stream of a node that thinks that it stands on this server. `kept` with the id
-- of its first entry; `anew` with the server and the id to read on from if there was none, or it came from another server,
-- where it may have lost entries and given ids that are larger than the next ones here. A repeat keeps it.
local function keep(keys, args)
  local here = this_server()
  local first = redis.call('XRANGE', keys[1], '-', '+', 'COUNT', '1')[1]
  if first and args[1] == here then
    redis.call('PEXPIRE', keys[1], args[2])
    return { 'kept', first[1] }
  end
  redis.call('DEL', keys[1])
  local id = redis.call('XADD', keys[1], '*', 'begun', here)
  redis.call('PEXPIRE', keys[1], args[2])
  return { 'anew', here, id }
end

redis.register_function('push_join_VERSION', join)
redis.register_function('push_renew_VERSION', renew)
redis.register_function('push_append_VERSION', append)
redis.register_function({ function_name = 'push_entries_VERSION', callback = entries, flags = { 'no-writes' } })
redis.register_function({ function_name = 'push_recent_VERSION', callback = recent, flags = { 'no-writes' } })
redis.register_function({ function_name = 'push_nodes_VERSION', callback = nodes, flags = { 'no-writes' } })
redis.register_function('push_sit_VERSION', sit)
redis.register_function({ function_name = 'push_seated_VERSION', callback = seated, flags = { 'no-writes' } })
redis.register_function('push_keep_VERSION', keep)
