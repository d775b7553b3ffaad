local reconnect = require "gospread.reconnect"
local spread = require "gospread"
local daemons = require "daemons"

local T = {}

local function next_of(r, kind)
  while true do
    local m = assert(r:receive(15))
    if m.kind == kind then return m end
  end
end

function T.comes_back_with_its_groups()
  local d = daemons.new()
  d:start()
  local ok, err = pcall(function()
    local r = reconnect.new(d.address, {name = "back"})
    fails("CONNECTION_CLOSED", r:multicast("one", "x"))
    assert(r:join "one")
    equal(false, next_of(r, "connected").again)
    equal("one", next_of(r, "membership").group)
    assert(r:join "two")
    assert(r:join "three")
    assert(r:leave "three")
    equal("two", next_of(r, "membership").group)
    d:stop()
    equal("CONNECTION_CLOSED", next_of(r, "lost").error.name)
    fails("CONNECTION_CLOSED", r:multicast("one", "x"))
    fails("TIMEOUT", r:receive(0.05))
    d:start()
    local m = next_of(r, "connected")
    equal({true, "#back#d"}, {m.again, m.private_group})
    equal({"one", "two"}, {next_of(r, "membership").group, next_of(r, "membership").group})
    assert(r:multicast("two", "hello again"))
    equal("hello again", next_of(r, "regular").data)
    assert(r:close())
    fails("ILLEGAL_SESSION", r:receive(0))
  end)
  d:remove()
  assert(ok, err)
end

function T.gives_up_where_there_is_no_use()
  fails("ILLEGAL_SPREAD", reconnect.new("nonsense"):receive(1))
  fails("REJECT_ILLEGAL_NAME", reconnect.new("1@127.0.0.1", {name = "a b"}):receive(1))
end

function T.waits_longer_each_time()
  local slept = {}
  local r
  r = reconnect.new("1@127.0.0.1", {sleep = function(s)
    slept[#slept + 1] = s
    r.due = 0 -- that time is over
    if #slept == 9 then r:close() end
  end})
  fails("ILLEGAL_SESSION", r:receive())
  equal("COULD_NOT_CONNECT", r.last_error.name)
  assert(slept[1] <= 0.1 and slept[5] > slept[1] and slept[9] <= 5, show(slept))
end

-- A daemon that takes connections and ends them at once is not run over.
function T.waits_longer_for_connections_that_end_at_once()
  local connect, aborted, slept = spread.connect, 0, {}
  spread.connect = function()
    return {private_group = "#me#d", join = function() return true end, receive = function() return nil, {name = "CONNECTION_CLOSED"} end,
      abort = function() aborted = aborted + 1 end}
  end
  local r
  r = reconnect.new("1@127.0.0.1", {sleep = function(s)
    slept[#slept + 1] = s
    r.due = 0 -- that time is over
  end})
  local kinds = {}
  for i = 1, 14 do kinds[i] = r:receive().kind end
  spread.connect = connect
  equal({"connected", "lost", "connected"}, {kinds[1], kinds[2], kinds[3]})
  equal(7, aborted)
  assert(slept[5] > slept[1] and slept[6] > 1, show(slept))
end

function T.illegal_groups_are_not_kept()
  local r = reconnect.new("1@127.0.0.1")
  fails("ILLEGAL_GROUP", r:join "a b")
  equal({}, r.groups)
end

return T
