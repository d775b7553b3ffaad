local socket = require "socket"
local spread = require "gospread"

local T = {}

local daemon, unix = os.getenv "SPREAD_TEST_DAEMON", os.getenv "SPREAD_TEST_SOCKET"

local function connect(name, options, where)
  if not daemon then skip "SPREAD_TEST_DAEMON names no daemon" end
  options = options or {}
  options.name = name
  return assert(spread.connect(where or daemon, options))
end

-- A group of this run alone.
local group = "lua" .. tostring({}):match("%x+$") .. _VERSION:gsub("%D", "")

function T.joins_leaves_and_views()
  local a, b = connect "viewa", connect "viewb"
  assert(a:join(group))
  local v = assert(a:receive(5))
  equal({"membership", "join", {a.private_group}, 1, a.private_group, {{a.private_group}}, 1},
    {v.kind, v.cause, v.members, v.index, v.changed, v.sets, v.own_set})
  assert(b:join(group))
  local va, vb = assert(a:receive(5)), assert(b:receive(5))
  assert(va.id == vb.id and va.id ~= v.id)
  equal({{a.private_group, b.private_group}, 1, 2}, {va.members, va.index, vb.index})
  assert(b:leave(group))
  equal({kind = "self_leave", group = group}, b:receive(5))
  v = assert(a:receive(5))
  equal({"leave", b.private_group, {a.private_group}}, {v.cause, v.changed, v.members})
  assert(b:join(group))
  assert(a:receive(5))
  b:abort()
  v = assert(a:receive(5))
  equal({"disconnect", "#viewb#" .. a:daemon()}, {v.cause, v.changed})
  assert(a:close())
end

function T.services_types_and_bytes()
  local a, b = connect(nil, {membership = false}), connect(nil, {membership = false})
  local every = {}
  for i = 0, 255 do every[i + 1] = string.char(i) end
  every = table.concat(every)
  for i, service in ipairs {"unreliable", "reliable", "fifo", "causal", "agreed", "safe"} do
    equal(256, b:multicast(a.private_group, every, {service = service, type = i - 4}))
    local m = assert(a:receive(5))
    equal({"regular", service, b.private_group, {a.private_group}, i - 4, every, false, false},
      {m.kind, m.service, m.sender, m.groups, m.type, m.data, m.endian_mismatch, m.self_discard})
  end
  assert(a:close() and b:close())
end

function T.the_largest_message()
  local a = connect()
  local text = ("0123456789abcdef"):rep(8995)
  equal(143920, a:multicast(a.private_group, text))
  assert(a:receive(5).data == text)
  assert(a:close())
end

function T.a_name_is_free_after_close()
  for _ = 1, 5 do
    local a = connect "again"
    fails("REJECT_NOT_UNIQUE", spread.connect(daemon, {name = "again"}))
    assert(a:close())
  end
end

function T.unix_socket()
  if not unix then skip "SPREAD_TEST_SOCKET names no socket" end
  if not spread.has_unix then skip "this LuaSocket has no Unix sockets" end
  local a = connect(nil, nil, "unix:" .. unix)
  assert(a:multicast(a.private_group, "by the socket"))
  equal("by the socket", a:receive(5).data)
  assert(a:close())
end

function T.select_takes_connections()
  local a, b = connect(), connect()
  assert(b:multicast(a.private_group, "x") and b:multicast(a.private_group, "y"))
  local ready = socket.select({a, b}, nil, 5)
  equal(1, #ready)
  assert(ready[1] == a)
  while a:poll() < 2 * (48 + 32 + 1) do assert(socket.select({a.stream.sock}, nil, 5)[1]) end
  equal("x", a:receive(0).data)
  assert(socket.select({a, b}, nil, 5)[1] == a, "what was read ahead counts")
  equal("y", a:receive(0).data)
  equal(0, #socket.select({a, b}, nil, 0))
  assert(a:close() and b:close())
end

function T.a_receive_ends_in_time()
  local a = connect()
  local start = socket.gettime()
  fails("TIMEOUT", a:receive(0.1))
  local took = socket.gettime() - start
  assert(took >= 0.09 and took < 5, "took " .. took)
  assert(a:close())
end

function T.many_messages_keep_their_order()
  local a, b = connect(), connect()
  for window = 0, 9 do
    for i = 1, 500 do assert(b:multicast(a.private_group, tostring(window * 500 + i), {service = "fifo"})) end
    for i = 1, 500 do equal(tostring(window * 500 + i), assert(a:receive(5)).data) end
  end
  assert(a:close() and b:close())
end

function T.nobody_there()
  local s = assert(socket.bind("127.0.0.1", 0))
  local _, port = s:getsockname()
  local err = fails("CONNECTION_CLOSED", spread.connect(port .. "@127.0.0.1", {timeout = 0.1}))
  assert(err.op:find(port, 1, true) and err.message == "timeout", tostring(err))
  s:close()
  fails("COULD_NOT_CONNECT", spread.connect(port .. "@127.0.0.1"))
  fails("COULD_NOT_CONNECT", spread.connect("unix:/nonexistent/socket"))
  fails("COULD_NOT_CONNECT", spread.connect(port))
end

-- The example of the README.
function T.example()
  local f = assert(io.open("README.md"))
  local code = f:read("*a"):match("```lua\n(.-)```")
  f:close()
  if not daemon then skip "SPREAD_TEST_DAEMON names no daemon" end
  code = code:gsub("4803@localhost", daemon)
  local printed = {}
  local env = setmetatable({print = function(...) printed[#printed + 1] = table.concat({...}, "\t") end}, {__index = _G})
  local chunk = setfenv and setfenv(assert(loadstring(code)), env) or assert(load(code, "example", "t", env))
  chunk()
  equal({"hello from #me#" .. connect():daemon()}, printed)
end

return T
