#!lua name=nexo_VERSION
-- What Redis does for Nexo, each function on one slot. VERSION is the hash of this text, so that the functions of two releases
-- stand side by side on one server. Every answer is a flat list of strings, the first of which says what it is.
--
-- Seqs. KEYS[1] is the conversation's key: one hash, so that it is lost as a whole or not at all.
--
--   server                the replication id of the server that wrote it; on another, this is a copy that may be behind
--   cold                  '1': nothing may be claimed until a block of a newer fence is installed
--   fence                 the fence of its blocks
--   next, last            the current block: next is claimed next, last is its end
--   ahead_from, ahead_to  the block granted ahead, or 0
--   top                   the end of the highest block ever seen
--   whole_from            from here up this key knows every claim
--   count                 of claims and renewals: the clock of what is abandoned (see close)
--   ticket, asked_at      who may install a block, and since when
--   low                   the lowest pending seq, or next
--   send_at               the time of the last claim
--   size, granted_at      of the last block: how fast the conversation is
--   p:<seq>               a pending claim: renewed|send_at|fence|closed|body|id
--   i:<id>                the seq of the pending claim of an id
--   j:<seq>               seqs from here up to this value belong to nobody here: an orphan block, or another server's
--
-- KEYS[2] of claim and finish, and from KEYS[2] on of resolve, is `claim:{conversation}:<id>`: a finished claim, remembered.
-- KEYS[3] of claim, if it is there, is `conversation_sends:{conversation}`: the limit on what is claimed.
-- A line that ends with `guard:` and a name is one that the walks of tests/it/seqs take out, to see what it is for.

local LAYOUT = '1'
local FIRST_BLOCK = 16
local LARGEST_BLOCK = 1024
-- A conversation that uses up a block faster than this gets a block twice as large next.
local FAST_MS = 10000
-- For how long one asker alone may bring a block before another one asks too.
local LEASE_MS = 1000
local REMEMBERED_MS = 120000
local KEPT_MS = 2592000000

local NUMBERS = {
  'fence', 'next', 'last', 'ahead_from', 'ahead_to', 'top', 'whole_from', 'count', 'asked_at', 'low', 'send_at', 'size',
  'granted_at',
}

-- Numbers as Redis keeps them: tostring would write large ones with an exponent.
local function int(number)
  return string.format('%.0f', number)
end

-- include limits.lua

-- A server takes a new replication id whenever it starts as a master or becomes one. A run id would survive a fail-back.
local function this_server()
  return string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
end

-- The conversation's key; `foreign` if there is none, or another server or layout wrote it.
local function read(name)
  local values = redis.call('HMGET', name, 'layout', 'server', 'cold', 'ticket', unpack(NUMBERS))
  local key = { name = name, here = this_server(), changes = {} }
  key.server, key.cold, key.ticket = values[2], values[3] == '1', values[4] or ''
  for at, field in ipairs(NUMBERS) do
    key[field] = tonumber(values[at + 4] or '0')
  end
  key.foreign = values[1] ~= LAYOUT
  key.foreign = key.foreign or key.server ~= key.here -- guard: server
  return key
end

local function put(key, field, value)
  key[field] = value
  if type(value) == 'boolean' then value = value and '1' or '0' end
  if type(value) == 'number' then value = int(value) end
  table.insert(key.changes, field)
  table.insert(key.changes, value)
end

local function save(key)
  if #key.changes > 0 then
    redis.call('HSET', key.name, unpack(key.changes))
    redis.call('PEXPIRE', key.name, KEPT_MS)
  end
end

-- A key without claims that only a block of a new fence opens. Of what was there, what only grows is kept.
local function begin(key)
  redis.call('DEL', key.name)
  put(key, 'layout', LAYOUT)
  put(key, 'server', key.here)
  put(key, 'cold', true)
  put(key, 'ticket', '')
  for _, field in ipairs(NUMBERS) do
    if field ~= 'top' and field ~= 'send_at' then put(key, field, 0) end
  end
  put(key, 'top', key.top)
  put(key, 'send_at', key.send_at)
  put(key, 'next', 1)
  put(key, 'low', 1)
  key.foreign = false
end

-- The pending claim of a seq. The claims of an older fence, and all of them in a cold key, are closed.
local function pending(key, seq)
  local text = redis.call('HGET', key.name, 'p:' .. int(seq))
  if not text then return nil end
  local renewed, sent, fence, closed, body, id = string.match(text, '^(%d+)|(%d+)|(%d+)|(%d)|([^|]*)|(.*)$')
  local claim = { seq = seq, send_at = tonumber(sent), fence = tonumber(fence), body = body, id = id }
  claim.renewed = tonumber(renewed)
  claim.closed = closed == '1' or key.cold or claim.fence ~= key.fence
  return claim
end

local function keep(key, claim)
  local closed = claim.closed and '1' or '0'
  local numbers = { int(claim.renewed), int(claim.send_at), int(claim.fence), closed, claim.body, claim.id }
  redis.call('HSET', key.name, 'p:' .. int(claim.seq), table.concat(numbers, '|'))
end

local function drop(key, claim)
  redis.call('HDEL', key.name, 'p:' .. int(claim.seq), 'i:' .. claim.id)
end

-- Calls `visit` with the pending claims from the lowest up to `last`, until it answers false.
local function each(key, last, visit)
  local seq = key.low
  while seq <= last and seq < key.next do
    local over = redis.call('HGET', key.name, 'j:' .. int(seq))
    local claim = pending(key, seq)
    if claim and visit(claim) == false then return end
    seq = over and tonumber(over) or seq + 1
  end
end

-- Moves `low` to the lowest pending claim. Each seq is passed over once, so this costs one look per claim in the long run.
local function raise_low(key)
  local low = key.low
  while low < key.next do
    local field = 'j:' .. int(low)
    local over = redis.call('HGET', key.name, field)
    if over then
      redis.call('HDEL', key.name, field)
      low = tonumber(over)
    elseif redis.call('HEXISTS', key.name, 'p:' .. int(low)) == 1 then
      break
    else
      low = low + 1
    end
  end
  if low ~= key.low then put(key, 'low', low) end
end

-- The next count. Unlike the time, it does not jump.
local function tick(key)
  put(key, 'count', key.count + 1)
  return key.count
end

-- Takes up the block from..last. What lies between the last block and this one was never claimed here.
local function enter(key, from, last)
  if from ~= key.next then
    redis.call('HSET', key.name, 'j:' .. int(key.next), int(from))
    put(key, 'whole_from', from) -- guard: jump
  end
  put(key, 'next', from)
  put(key, 'last', last)
  raise_low(key)
end

local function remember(name, key, claim)
  local text = table.concat({ LAYOUT, key.here, int(claim.seq), int(claim.send_at), claim.body }, '|')
  redis.call('SET', name, text, 'PX', REMEMBERED_MS)
end

-- What is remembered of an id: an answer, or nil. A copy from another server is not to be trusted.
local function remembered(name, key, body)
  local text = redis.call('GET', name)
  if not text then return nil end
  local layout, server, seq, sent, stored = string.match(text, '^(%w+)|(%w+)|(%d+)|(%d+)|(.*)$')
  if layout ~= LAYOUT then return nil end
  if server ~= key.here then return nil end -- guard: server
  if stored ~= body then return { 'other' } end -- guard: seen-body
  return { 'seen', seq, sent }
end

-- Asks for a block, if nobody is just bringing one. Only the last ticket installs: a block that comes late must not go in
-- under one that was asked for after it.
local function ask(key, ticket, now)
  local waited = now - key.asked_at
  -- Below 0 the clock was set back: nobody is to wait for it to come round again.
  if key.ticket ~= '' and waited >= 0 and waited < LEASE_MS then return nil end
  local size = key.size * (now - key.granted_at < FAST_MS and 2 or 0.5)
  size = math.floor(math.min(math.max(size, FIRST_BLOCK), LARGEST_BLOCK))
  put(key, 'ticket', ticket)
  put(key, 'asked_at', now)
  put(key, 'size', size)
  return { key.cold and 'cold' or 'warm', int(key.fence), int(key.low - 1), int(key.whole_from), int(size) }
end

-- The answer to an id that has a pending claim.
local function claimed(key, claim, ask_for)
  -- A row of this id above: it was given a second seq across a loss, and settling says which of the two stays.
  if ask_for.candidate > 0 and ask_for.candidate ~= claim.seq then return { 'busy' } end -- guard: candidate
  if claim.closed then return { 'busy' } end -- guard: close
  if claim.body ~= ask_for.body then return { 'other' } end -- guard: pending-body
  claim.renewed = tick(key) -- guard: renew
  keep(key, claim)
  return { 'same', int(claim.seq), int(claim.send_at), int(claim.fence) }
end

-- The answer to an id that is new here.
local function claim_next(key, ask_for, now)
  if ask_for.candidate > 0 then
    -- Below every pending seq in the region that is known whole, only a gap that was settled meanwhile can hide it.
    local whole = not key.cold and key.fence == ask_for.known and ask_for.settled >= key.whole_from - 1
    return { whole and ask_for.candidate < key.low and 'final' or 'busy' } -- guard: final
  end
  if not key.cold and key.next > key.last and key.ahead_from > 0 then
    enter(key, key.ahead_from, key.ahead_to)
    put(key, 'ahead_from', 0)
  end
  if key.cold or key.next > key.last then
    local need = ask(key, ask_for.ticket, now)
    return need and { 'need', unpack(need) } or { 'wait' }
  end
  -- The sender saw, or sent, what another copy of this key gave out: is there a higher fence?
  if key.next <= ask_for.floor then return { 'behind', int(key.fence) } end -- guard: floor
  local wait = ask_for.limit and take_slot(ask_for.limit, now)
  if wait then return { 'limited', wait } end
  local sent = now
  sent = math.max(sent, key.send_at) -- guard: order
  put(key, 'send_at', sent)
  local claim = { seq = key.next, id = ask_for.id, body = ask_for.body, fence = key.fence, send_at = key.send_at }
  claim.renewed = tick(key)
  keep(key, claim)
  redis.call('HSET', key.name, 'i:' .. claim.id, int(claim.seq))
  put(key, 'next', key.next + 1)
  local answer = { 'new', int(claim.seq), int(claim.send_at), int(claim.fence) }
  if key.ahead_from == 0 and (key.last - key.next + 1) * 2 < key.size then
    for _, word in ipairs(ask(key, ask_for.ticket, now) or {}) do table.insert(answer, word) end
  end
  return answer
end

-- claim id body known_fence candidate settled ticket floor [burst interval_ms]: a seq that is given now is above the floor.
local function claim(keys, args)
  local ask_for = { id = args[1], body = args[2], known = tonumber(args[3]), ticket = args[6], floor = tonumber(args[7]) }
  ask_for.candidate, ask_for.settled = tonumber(args[4]), tonumber(args[5])
  ask_for.limit = limit(keys[3], args[8], args[9])
  local now, key = now_ms(), read(keys[1])
  if key.foreign then begin(key) end
  local behind = false
  behind = ask_for.known > key.fence -- guard: fence
  if behind and not key.cold then
    put(key, 'cold', true)
    -- Whoever was bringing a block was bringing one of the old fence.
    put(key, 'ticket', '')
  end
  local answer = remembered(keys[2], key, ask_for.body)
  local seq = not answer and redis.call('HGET', key.name, 'i:' .. ask_for.id)
  if seq then answer = claimed(key, pending(key, tonumber(seq)), ask_for) end
  answer = answer or claim_next(key, ask_for, now)
  save(key)
  return answer
end

-- install ticket from to fence
local function install(keys, args)
  local ticket, from, to, fence = args[1], tonumber(args[2]), tonumber(args[3]), tonumber(args[4])
  local now, key = now_ms(), read(keys[1])
  if key.foreign then return { 'refused' } end
  if key.ticket ~= ticket then return { 'refused' } end -- guard: ticket
  -- A database that was restored from a backup grants again what it granted before.
  if from <= key.top then return { 'refused' } end
  if key.cold and fence <= key.fence or not key.cold and fence ~= key.fence then return { 'refused' } end -- guard: ticket
  if key.cold then
    put(key, 'cold', false)
    put(key, 'fence', fence)
    put(key, 'ahead_from', 0)
    enter(key, from, to)
    -- Whatever was claimed below, another copy of this key may have claimed it.
    put(key, 'whole_from', from)
  elseif key.next > key.last then
    enter(key, from, to)
  else
    put(key, 'ahead_from', from)
    put(key, 'ahead_to', to)
  end
  put(key, 'top', to)
  put(key, 'ticket', '')
  put(key, 'granted_at', now)
  save(key)
  return { 'installed' }
end

-- Puts the nodes of a large group behind an answer, if there is a key that lists them (push.lua keeps it).
local function with_nodes(answer, name)
  if not name then return answer end
  local now, known = now_ms(), redis.call('HGETALL', name)
  for at = 1, #known, 2 do
    if tonumber(known[at + 1]) > now then table.insert(answer, known[at]) end
  end
  return answer
end

-- finish seq id: also answers the nodes of a large group, which KEYS[3] lists.
local function finish(keys, args)
  local key = read(keys[1])
  local claim = not key.foreign and pending(key, tonumber(args[1]))
  if not claim or claim.id ~= args[2] then return with_nodes({ 'gone' }, keys[3]) end
  drop(key, claim)
  remember(keys[2], key, claim)
  raise_low(key)
  save(key)
  return with_nodes({ 'finished' }, keys[3])
end

-- peek: the fence, low, from where the key is whole, next, and when the last claim was made. A list asks it of every conversation,
-- so it reads no more than that, and hands the numbers on as they are kept.
local function peek(keys)
  local key = redis.call('HMGET', keys[1], 'layout', 'server', 'cold', 'fence', 'low', 'whole_from', 'next', 'send_at')
  local foreign = key[1] ~= LAYOUT
  foreign = foreign or key[2] ~= this_server() -- guard: server
  if foreign or key[3] == '1' then return { 'cold' } end
  return { 'warm', key[4], key[5], key[6], key[7], key[8] }
end

-- close settled fence count: closes what was last renewed at this count or before, and says up to where it is to be settled.
--
-- Who asks has had the count from *watch* and waited, by its own clock, until every send of those claims is over. A claim's age
-- by the time of Redis would not do: a clock set forward would close the claim of a send that is writing.
--
-- A hole between two blocks of one fence need not wait for anybody. Nobody but this key was ever given blocks of its fence, and
-- what it passed over it installs no more. Until that is settled as gaps, nothing above is to be shown.
local function close(keys, args)
  local settled, fence, count = tonumber(args[1]), tonumber(args[2]), tonumber(args[3])
  local key = read(keys[1])
  if key.foreign or key.cold or key.fence ~= fence then return { 'nothing' } end
  local hole = key.low > settled and settled < key.whole_from - 1
  local last = key.next - 1
  if hole then last = key.whole_from - 1 end
  -- First what is settled already, and was not told here.
  if key.low <= settled then last = settled end
  local upto, young = nil, false
  each(key, last, function(claim)
    young = young or claim.renewed > count
    if young then return false end
    upto = claim.seq
  end)
  if hole then upto = not young and last or nil end
  if not upto then return young and { 'watch', int(key.count) } or { 'nothing' } end
  each(key, upto, function(claim)
    claim.closed = true
    keep(key, claim)
  end)
  return { upto <= settled and 'stale' or 'settle', int(key.low), int(upto) }
end

-- resolve upto seq..: everything up to here is settled, and these seqs of it are rows, whose claims are KEYS[2] and on. Answers
-- with those of them that nobody had finished: their recipients may not have been told.
local function resolve(keys, args)
  local upto, key = tonumber(args[1]), read(keys[1])
  if key.foreign then return { 'gone' } end
  local answer = { 'resolved' }
  for at = 2, #args do
    local claim = pending(key, tonumber(args[at]))
    if claim then table.insert(answer, args[at]) end
    -- A send of this id that looked it up before the row was there must not get a second seq.
    if claim then remember(keys[at], key, claim) end -- guard: remember
  end
  each(key, upto, function(claim) drop(key, claim) end)
  raise_low(key)
  save(key)
  return answer
end

redis.register_function('claim_VERSION', claim)
redis.register_function('install_VERSION', install)
redis.register_function('finish_VERSION', finish)
redis.register_function({ function_name = 'peek_VERSION', callback = peek, flags = { 'no-writes' } })
redis.register_function('close_VERSION', close)
redis.register_function('resolve_VERSION', resolve)
