-- The driver for the conformance suite of the clients: one JSON object a line in,
-- one out. Runs in the directory of the client.
package.path = "./?.lua;./?/init.lua;./conformance/?.lua;" .. package.path

local gettime = require("socket").gettime
local mime = require "mime"
local spread = require "gospread"
local json = require "json"

local connections = {}

local function failure(err)
  if err.timeout then return {ok = false, error = "timeout"} end
  return {ok = false, error = err.code, text = tostring(err)}
end

local function unsupported(reason) return {ok = false, error = "unsupported", reason = reason} end

local function result(ok, err) return ok and {ok = true} or failure(err) end

local function list(t)
  local copy = json.array {}
  for i, v in ipairs(t) do copy[i] = type(v) == "table" and list(v) or v end
  return copy
end

local shape = {}

function shape.regular(m)
  return {kind = m.kind, service = m.service, sender = m.sender, groups = list(m.groups), type = m.type,
    data_b64 = mime.b64(m.data) or "", endian_mismatch = m.endian_mismatch, self_discard = m.self_discard,
    old_type = m.old_type, request = m.request}
end

shape.reject = shape.regular

function shape.membership(m)
  return {kind = m.kind, group = m.group, cause = m.cause, members = list(m.members), id = list(m.id),
    changed = m.changed, sets = list(m.sets), own_set = m.own_set - 1,
    index = (m.index or 0) - 1}
end

function shape.transition(m) return {kind = m.kind, group = m.group, id = list(m.id)} end

function shape.self_leave(m) return {kind = m.kind, group = m.group} end

-- The sha256 of strings, in hexadecimal.
local function digest(pieces)
  local path = os.tmpname()
  local f = assert(io.open(path, "wb"))
  f:write(table.concat(pieces))
  f:close()
  local p = assert(io.popen("sha256sum <" .. path))
  local sum = p:read("*a"):match("^%x+")
  p:close()
  os.remove(path)
  return sum
end

local op = {}

function op.hello()
  local features = json.array {"poll", "any_group", "name_free", "auth"}
  if spread.has_unix then table.insert(features, 1, "unix") end
  return {ok = true, language = "lua", client = spread._VERSION, features = features}
end

function op.connect(r)
  local c, err = spread.connect(r.daemon, {name = r.name, membership = r.membership, priority = r.priority,
    timeout = r.timeout_ms and r.timeout_ms / 1000, auth = r.auth})
  if not c then return failure(err) end
  connections[r.c] = c
  return {ok = true, private_group = c.private_group, daemon_version = list(c.daemon_version)}
end

function op.join(r, c) return result(c:join(r.group)) end
function op.leave(r, c) return result(c:leave(r.group)) end
function op.disconnect(_, c) return result(c:close()) end
function op.abort(_, c) return result(c:abort() or true) end
function op.stall() return {ok = true} end -- nothing is read unless asked for
op.resume = op.stall

function op.multicast(r, c)
  local data = mime.unb64(r.data_b64 or "") or ""
  local options = {service = r.service, type = r.type, self_discard = r.self_discard}
  local sent, err
  for _ = 1, r["repeat"] or 1 do
    sent, err = c:multicast(r.groups, data, options)
    if not sent then return failure(err) end
  end
  return {ok = true, sent = sent * (r["repeat"] or 1)}
end

local function seconds(r) return r.timeout_ms and r.timeout_ms / 1000 end

function op.receive(r, c)
  local m, err = c:receive(seconds(r))
  if not m then return failure(err) end
  return {ok = true, message = shape[m.kind](m)}
end

function op.receive_into() return unsupported("strings have no fixed size; receive takes a message of any size") end

function op.drain(r, c)
  local pieces, count, bytes = {}, 0, 0
  local deadline = gettime() + (seconds(r) or 60)
  local start, reply
  while count < r.count do
    local m, err = c:receive(deadline - gettime())
    if not m then
      reply = failure(err)
      break
    end
    if m.kind == "regular" then
      start = start or gettime()
      count, bytes = count + 1, bytes + #m.data
      pieces[#pieces + 1] = m.sender .. "\0" .. m.data
    end
  end
  reply = reply or {ok = true}
  reply.count, reply.bytes, reply.seconds, reply.digest = count, bytes, start and gettime() - start or 0, digest(pieces)
  return reply
end

function op.poll(_, c)
  local n, err = c:poll()
  if not n then return failure(err) end
  return {ok = true, bytes = n}
end

local function answer(line)
  local r = json.decode(line)
  for key, v in pairs(r) do
    if v == json.null then r[key] = nil end
  end
  if r.op == "exit" then return {ok = true}, true end
  local f = op[r.op]
  if not f then return unsupported("no operation " .. tostring(r.op)) end
  local c = connections[r.c]
  if r.c and not c and r.op ~= "connect" then
    return {ok = false, error = spread.codes.ILLEGAL_SESSION, text = "no connection " .. r.c}
  end
  return f(r, c)
end

io.stdout:setvbuf("line")
for line in io.lines() do
  local ok, reply, exit = pcall(answer, line)
  if not ok then reply = {ok = false, error = "driver", text = tostring(reply)} end
  io.write(json.encode(reply), "\n")
  if exit then break end
end
