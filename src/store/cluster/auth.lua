#!lua name=nexo_auth_VERSION
-- What Redis keeps of sessions, of which the database is the authority, and to which conversation an id belongs that is being
-- sent just now. VERSION is the hash of this text. Every answer is a flat list of strings.
--
-- KEYS[1] is `auth:{user}:<platform>`: a hash, so that it is lost as a whole or not at all.
--
--   server   the replication id of the server that wrote it; on another, this is a copy that may be behind, and counts as nothing
--   session  the copy
--   ticket   of the last reader that found none. Only it may fill in what it then reads from the database, unless the session
--            was changed meanwhile, which takes the ticket away: what was read before the change must not come back
--
-- KEYS[2] of admit and unbind is `bind:{user}:<client_msg_id>`. Their KEYS[3], if it is there, is `user_sends:{user}`: the limit on
-- what the user sends. KEYS[1] of take and give_back is `login_failures:{user}`.

-- A copy is forgotten after this time, so that two masters at once cannot differ for longer about who is logged in.
local COPY_MS = 30000
local TICKET_MS = 5000
local BOUND_MS = 120000

-- include limits.lua

-- Takes no slot of a limit after all.
local function free_slot(of, now)
  local full_at = full_at_ms(of, now) - of.interval_ms
  if full_at > now then fill_at(of, full_at, now) else redis.call('DEL', of.name) end
end

-- A server takes a new replication id whenever it starts as a master or becomes one.
local function this_server()
  return string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
end

-- The copy, or nil; then the ticket is noted.
local function copy(name, here, ticket)
  local values = redis.call('HMGET', name, 'server', 'session')
  if values[1] == here and values[2] then return values[2] end
  redis.call('DEL', name)
  redis.call('HSET', name, 'server', here, 'ticket', ticket)
  redis.call('PEXPIRE', name, TICKET_MS)
  return nil
end

-- session ticket
local function session(keys, args)
  local found = copy(keys[1], this_server(), args[1])
  if found then return { 'copy', found } end
  return { 'miss' }
end

-- fill_session ticket session
local function fill_session(keys, args)
  local values = redis.call('HMGET', keys[1], 'server', 'ticket')
  if values[1] ~= this_server() or values[2] ~= args[1] then return { 'refused' } end
  redis.call('HSET', keys[1], 'session', args[2])
  redis.call('HDEL', keys[1], 'ticket')
  redis.call('PEXPIRE', keys[1], COPY_MS)
  return { 'filled' }
end

-- drop_session: the session changed.
local function drop_session(keys)
  redis.call('DEL', keys[1])
  return { 'dropped' }
end

-- admit ticket conversation [burst interval_ms]: the copy, and whether the id is now bound to this conversation. An id takes a slot
-- when it is bound, and the answer ends with how many are left; without one it is not bound, and the answer ends with the time to wait.
local function admit(keys, args)
  local here = this_server()
  local found = copy(keys[1], here, args[1])
  local mine, other = here .. '|' .. args[2], redis.call('GET', keys[2])
  local bound, wait, left = 'again', nil, nil
  if not other or string.sub(other, 1, #here) ~= here then
    local of = limit(keys[3], args[3], args[4])
    if of then wait, left = take_slot(of, now_ms()) end
    bound = wait and 'limited' or 'bound'
    if not wait then redis.call('SET', keys[2], mine, 'PX', BOUND_MS) end
  elseif other ~= mine then
    bound = 'elsewhere'
  end
  return { bound, found and 'copy' or 'miss', found or '', wait or left or '' }
end

-- unbind [burst interval_ms]: the send was refused, so the id is free, and its slot.
local function unbind(keys, args)
  local of = limit(keys[3], args[1], args[2])
  if redis.call('DEL', keys[2]) == 1 and of then free_slot(of, now_ms()) end
  return { 'free' }
end

-- take burst interval_ms
local function take(keys, args)
  local wait = take_slot(limit(keys[1], args[1], args[2]), now_ms())
  if wait then return { 'limited', wait } end
  return { 'taken' }
end

-- give_back burst interval_ms
local function give_back(keys, args)
  free_slot(limit(keys[1], args[1], args[2]), now_ms())
  return { 'given' }
end

redis.register_function('session_VERSION', session)
redis.register_function('fill_session_VERSION', fill_session)
redis.register_function('drop_session_VERSION', drop_session)
redis.register_function('admit_VERSION', admit)
redis.register_function('unbind_VERSION', unbind)
redis.register_function('take_VERSION', take)
redis.register_function('give_back_VERSION', give_back)
