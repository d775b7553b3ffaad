local socket = require "socket"
local connection = require "gospread.connection"
local Stream = require "gospread.stream"
local spread = require "gospread"
local wire = require "gospread.wire"
local fake = require "fake"

local T = {}

local ME = "#me#d"

-- A connection over a fake socket whose script goes on after the handshake.
local function connect(script, options)
  options = options or {}
  local all = options.greeting or {fake.greeting(ME, options.version)}
  for _, step in ipairs(script) do all[#all + 1] = step end
  local sock = fake.socket(all, options.accepts)
  local o = {name = "me", membership = true, auth = options.auth or {"NULL"}, linger = options.linger or 0,
    send_timeout = options.send_timeout, priority = options.priority}
  local c, err = connection.establish(Stream.new(sock, options.wait), "fake", o, socket.gettime() + 0.2)
  return c, err or sock, sock
end

local encode = wire.encoder("#you#d")
local function data(text, group) return encode(0x10, wire.pad(group or "g"), 1, 5, text) end

function T.handshake_in_pieces()
  for n = 1, 7 do
    local c, sock = connect({data "hi"}, {greeting = fake.pieces(fake.greeting(ME), n)})
    equal({ME, {5, 0, 1}, "me", "d"}, {c.private_group, c.daemon_version, c:name(), c:daemon()})
    equal(wire.hello("me", true, false) .. wire.choice {"NULL"}, sock.sent)
    equal("hi", c:receive(1).data)
  end
end

function T.a_message_behind_the_greeting_is_kept()
  local c = connect({}, {greeting = {fake.greeting(ME) .. data "early" .. data("later"):sub(1, 60), data("later"):sub(61)}})
  equal("early", c:receive(1).data)
  equal("later", c:receive(1).data)
end

function T.refusals()
  for code, name in pairs {["\253"] = "REJECT_QUOTA", ["\252"] = "REJECT_NO_NAME", ["\251"] = "REJECT_ILLEGAL_NAME",
    ["\250"] = "REJECT_NOT_UNIQUE", ["\249"] = "REJECT_VERSION", ["\247"] = "REJECT_AUTH", ["\200"] = "CONNECTION_CLOSED"} do
    fails(name, connect({"closed"}, {greeting = {code}}))
    fails(name, connect({"closed"}, {greeting = {"\5NULL ", code}}))
  end
  fails("REJECT_AUTH", connect({}, {greeting = {"\3IP "}}))
  fails("REJECT_VERSION", connect({}, {greeting = {"\5NULL \1\2\9\9\2#x"}}))
  fails("REJECT_VERSION", connect({}, {greeting = {fake.greeting(ME, "\3\7\0")}, priority = true}))
  fails("CONNECTION_CLOSED", connect({}, {greeting = {"\5NULL \1\5\0\1\40" .. ("x"):rep(40)}}))
  fails("CONNECTION_CLOSED", connect({"closed"}, {greeting = {"\5NU"}}))
  fails("CONNECTION_CLOSED", connect({}, {greeting = {"HTTP/1.1 400 Bad Request\r\n\r\n" .. ("x"):rep(99)}}))
  local err = fails("CONNECTION_CLOSED", connect({}, {greeting = {"\5NU"}}))
  equal("timeout", err.message)
end

function T.a_refusal_counts_more_than_a_failed_write()
  fails("REJECT_QUOTA", connect({"closed"}, {greeting = {"\253"}, accepts = {"closed"}}))
end

function T.two_methods()
  local _, sock = connect({}, {greeting = {"\8NULL IP " .. fake.greeting(ME):sub(7)}, auth = {"IP", "NULL"}})
  equal("IP" .. ("\0"):rep(28) .. "NULL" .. ("\0"):rep(56), sock.sent:sub(-90))
end

function T.fragmented_messages()
  local stream = data "one" .. data(("x"):rep(70000)) .. data "" .. data "four"
  for _, n in ipairs {1, 7, 48, 49, 4096, 65536, 200000} do
    local c = connect(fake.pieces(stream, n))
    equal({"one", 70000, "", "four"}, {c:receive(5).data, #c:receive(5).data, c:receive(5).data, c:receive(5).data}, n .. " bytes a piece")
  end
end

function T.a_time_out_loses_nothing()
  local m = data "whole"
  local c = connect {m:sub(1, 20), "timeout", m:sub(21, 60), "timeout", m:sub(61)}
  local err = fails("TIMEOUT", c:receive(0))
  equal({nil, true}, {err.code, err.timeout})
  fails("TIMEOUT", c:receive(0))
  equal("whole", c:receive(0).data)
  fails("TIMEOUT", c:receive(0))
end

function T.messages_before_the_end_are_delivered()
  local c = connect {data "last" .. data("cut"):sub(1, 50), "closed"}
  equal("last", c:receive(1).data)
  for _ = 1, 3 do fails("CONNECTION_CLOSED", c:receive(1)) end
  fails("CONNECTION_CLOSED", c:join "g")
  fails("CONNECTION_CLOSED", c:multicast("g", "x"))
  fails("CONNECTION_CLOSED", c:close())
  fails("ILLEGAL_SESSION", c:receive(1))
  equal(true, c:close())
end

function T.reset_is_a_lost_connection()
  local c = connect {"connection reset by peer"}
  local err = fails("CONNECTION_CLOSED", c:receive(1))
  assert(tostring(err):find("reset", 1, true), tostring(err))
end

function T.illegal_messages_end_the_connection()
  for _, bytes in ipairs {("\144"):rep(48), encode(0x1100, "", 0, 0, "damaged"), ("\0"):rep(36) .. ("\255"):rep(12)} do
    local c = connect {data "good" .. bytes .. data "never"}
    equal("good", c:receive(1).data)
    fails("ILLEGAL_MESSAGE", c:receive(1))
    fails("CONNECTION_CLOSED", c:receive(1))
    fails("CONNECTION_CLOSED", c:multicast("g", "x"))
  end
end

function T.sends_go_out_whole_in_pieces()
  local c, _, sock = connect({}, {accepts = {1000, 1000, 3, 1, 60000}})
  sock.sent = ""
  local text = ("y"):rep(100000)
  equal(100000, c:multicast({"g", "#you#d"}, text, {service = "safe", type = -3, self_discard = true}))
  equal(wire.encoder(ME)(0x60, wire.pad "g" .. wire.pad "#you#d", 2, -3, text), sock.sent)
end

function T.a_send_that_begins_and_does_not_end_breaks_the_connection()
  local c, _, sock = connect({}, {send_timeout = 0})
  sock.accepts = {0}
  fails("TIMEOUT", c:multicast("g", "x"))
  equal(1, c:multicast("g", "x"))
  sock.accepts = {10}
  fails("CONNECTION_CLOSED", c:multicast("g", "x"))
  fails("CONNECTION_CLOSED", c:multicast("g", "x"))
end

function T.what_is_received_survives_a_failed_send()
  local c, _, sock = connect({data "kept", "closed"})
  sock.accepts = {"closed"}
  fails("CONNECTION_CLOSED", c:multicast("g", "x"))
  equal("kept", c:receive(1).data)
  fails("CONNECTION_CLOSED", c:receive(1))
end

function T.arguments()
  local c, _, sock = connect {}
  local before = sock.sent
  for _, group in ipairs {"", ("x"):rep(32), "a b", "#x#d", "\200", 7} do fails("ILLEGAL_GROUP", c:join(group)) end
  fails("ILLEGAL_GROUP", c:leave "")
  for _, groups in ipairs {"", {}, {"g", ""}, ("x"):rep(32), "a\0b", {"g", 7}, 7} do
    fails("ILLEGAL_GROUP", c:multicast(groups, "x"))
  end
  local many = {}
  for i = 1, 101 do many[i] = "g" .. i end
  fails("ILLEGAL_GROUP", c:multicast(many, "x"))
  fails("ILLEGAL_SERVICE", c:multicast("g", "x", {service = "fast"}))
  fails("MESSAGE_TOO_LONG", c:multicast("g", ("x"):rep(143921)))
  for _, t in ipairs {-32769, 32768, 0.5, "7"} do
    assert(not pcall(c.multicast, c, "g", "x", {type = t}), tostring(t))
  end
  assert(not pcall(c.multicast, c, "g", nil))
  equal(before, sock.sent, "nothing was sent")
  equal(143920, c:multicast("g", ("x"):rep(143920)))
  many[101] = nil
  equal(1, c:multicast(many, "x"))
  equal(1, c:multicast("any \200 bytes", "x"))
end

function T.names_are_checked_before_connecting()
  for _, name in ipairs {("x"):rep(11), "a#b", "a b", "\200"} do
    fails("REJECT_ILLEGAL_NAME", spread.connect("1@127.0.0.1", {name = name}))
  end
  fails("REJECT_AUTH", spread.connect("1@127.0.0.1", {auth = "PWORD"}))
  fails("ILLEGAL_SPREAD", spread.connect("nonsense"))
  assert(not pcall(spread.connect, "1@127.0.0.1", {nmae = "x"}))
end

function T.views_of_old_daemons()
  local body = ("\0"):rep(12) .. (wire.little and "\1\0\0\0" or "\0\0\0\1") .. wire.pad "#you#d"
  local c = connect({wire.encoder("g")(0x1100, wire.pad "#me#d" .. wire.pad "#you#d", 2, 0, body)}, {version = "\3\17\3"})
  local v = c:receive(1)
  equal({"join", "#you#d", 1, {{"#you#d"}}}, {v.cause, v.changed, v.index, v.sets})
end

function T.rejects_of_joins()
  local old = wire.encoder("")(0x100, "", 0, 0, ""):sub(1, 4)
  local m = wire.encoder(ME)(0x400000, wire.pad "g" .. wire.pad(ME), 2, 0, "")
  local got = connect({m:sub(1, 48) .. old .. m:sub(49)}):receive(1)
  equal({"reject", "join", 0x100, {"g"}}, {got.kind, got.request, got.old_type, got.groups})
end

function T.poll_and_select()
  local c = connect {data "one" .. data("two"):sub(1, 10), "timeout", data("two"):sub(11)}
  equal(false, c:dirty())
  equal(#data "one" + 10, c:poll())
  equal(true, c:dirty(), "a whole message waits")
  equal("one", c:receive(0).data)
  equal(false, c:dirty())
  fails("TIMEOUT", c:receive(0))
  equal("two", c:receive(0).data)
  equal(99, c:getfd())
end

function T.poll_is_bounded()
  local c = connect(fake.pieces(data(("x"):rep(140000)):rep(3), 65536))
  for _ = 1, 9 do c:poll() end
  assert(c:poll() <= 131072, "poll read " .. c:poll() .. " bytes ahead")
end

function T.close_waits_for_the_daemon()
  local c, _, sock = connect({data "late", "closed"}, {linger = 1})
  equal(true, c:close())
  equal(wire.encoder(ME)(0x40000, wire.pad(ME), 1, 0, ""), sock.sent:sub(-80))
  assert(sock.is_closed)
  c = connect({}, {linger = 0.01})
  local err = fails("CONNECTION_CLOSED", c:close())
  assert(err.message:find("did not confirm", 1, true), err.message)
  c, _, sock = connect({}, {linger = 0})
  equal(true, c:close())
  equal(wire.encoder(ME)(0x40000, wire.pad(ME), 1, 0, ""), sock.sent:sub(-80))
end

function T.iteration()
  local c = connect {data "a" .. data "b", "closed"}
  local got = {}
  for m in c:messages(1) do got[#got + 1] = m.data end
  equal({"a", "b"}, got)
  equal("CONNECTION_CLOSED", c.last_error.name)
end

-- Coroutines: two send at once through a narrow socket while a third receives.
function T.coroutines_take_turns()
  local wait = function() coroutine.yield() end
  local c, _, sock = connect({"timeout", data "in"}, {wait = wait, accepts = {}})
  sock.sent, sock.accepts = "", {10, 10, 10, 10, 10}
  local got
  local tasks = {
    coroutine.create(function() assert(c:multicast("g", ("a"):rep(100))) end),
    coroutine.create(function() assert(c:multicast("g", ("b"):rep(100))) end),
    coroutine.create(function() got = assert(c:receive()) end),
  }
  for _ = 1, 20 do
    for _, task in ipairs(tasks) do
      if coroutine.status(task) ~= "dead" then assert(coroutine.resume(task)) end
    end
  end
  local own = wire.encoder(ME)
  equal(own(0x10, wire.pad "g", 1, 0, ("a"):rep(100)) .. own(0x10, wire.pad "g", 1, 0, ("b"):rep(100)), sock.sent)
  equal("in", got.data)
end

-- A message of which a part went out cannot be taken back: who sends next is told.
function T.a_wait_that_fails_breaks_the_connection()
  local c, _, sock = connect({}, {wait = function() error "cancelled" end})
  sock.accepts = {10}
  assert(not coroutine.resume(coroutine.create(function() c:multicast("g", "a") end)))
  fails("CONNECTION_CLOSED", c:multicast("g", "b"))
  c, _, sock = connect({}, {wait = function() error "cancelled" end})
  sock.accepts = {10}
  assert(not pcall(c.multicast, c, "g", "a"))
  fails("CONNECTION_CLOSED", c:multicast("g", "b"))
  c:close()
end

-- The main program cannot yield, so that connecting waits in LuaSocket there.
function T.connect_waits_where_it_is_called()
  local listener = assert(socket.bind("127.0.0.1", 0)) -- and says nothing
  local _, port = listener:getsockname()
  local waits = 0
  local function wait()
    waits = waits + 1
    coroutine.yield()
  end
  local function dial() return spread.connect(port .. "@127.0.0.1", {timeout = 0.02, wait = wait}) end
  local err = fails("CONNECTION_CLOSED", dial())
  equal(0, waits)
  assert(err.message:find("timeout", 1, true), err.message)
  local task = coroutine.create(function() fails("CONNECTION_CLOSED", dial()) end)
  repeat assert(coroutine.resume(task)) until coroutine.status(task) == "dead"
  assert(waits > 0)
  listener:close()
end

function T.close_wakes_a_receiving_coroutine()
  local c = connect({}, {wait = function() coroutine.yield() end, linger = 0})
  local task = coroutine.wrap(function() return c:receive() end)
  task()
  assert(c:close())
  fails("ILLEGAL_SESSION", task())
end

return T
