local S = require "ssrc.spread"

local T = {}

local daemon = os.getenv "SPREAD_TEST_DAEMON"
local group = "ssrc" .. tostring({}):match("%x+$")

local function mailbox(...)
  if not daemon then skip "SPREAD_TEST_DAEMON names no daemon" end
  return S.Mailbox(daemon, ...)
end

function T.is_a_global_too() assert(ssrc.spread == S) end

function T.messages()
  local m = S.Message()
  equal(S.Message_DefaultCapacity, m:capacity())
  m:set_self_discard()
  assert(m:is_self_discard())
  m:set_self_discard(false)
  assert(not m:is_self_discard())
  m:set_service(S.BaseMessage_ReliableSelfDiscard)
  assert(m:is_reliable() and m:is_self_discard() and not m:is_fifo())
  m:writen("seventeen bytes....", 17)
  equal(17, m:size())
  m:clear()
  m:write "text"
  equal(5, m:size())
  m:rewind()
  equal({"te", "xt"}, {m:read(2), m:read(3)})
  m:resize(2)
  equal("te", m:bytes())
  m:resize(3)
  equal("te\0", m:bytes())
end

function T.group_lists()
  local a, b = S.GroupList(), S.GroupList()
  a:add "x"
  assert(a ~= b)
  b:add "x"
  assert(a == b)
  equal({1, "x"}, {a:size(), a:group(0)})
end

function T.sends_and_receives()
  local a, b = mailbox("", true, 5), mailbox("", false, S.Timeout(5))
  local m = S.Message()
  m:write "first"
  m:set_type(7)
  a:send(m, b:private_group())
  local got, groups = S.Message(), S.GroupList()
  equal(6, b:receive(got, groups))
  equal({"first", 7, a:private_group(), b:private_group(), true, false},
    {got:read(6), got:type(), got:sender(), groups:group(0), got:is_safe(), got:is_membership()})

  local both = S.ScatterMessage()
  both:add(m)
  both:add "second"
  both:set_fifo()
  local list = S.GroupList()
  list:add(b:private_group())
  list:add(group)
  a:send(both, list)
  equal(13, b:receive(got, groups))
  equal({"first\0second\0", list, true}, {got:bytes(), groups, got:is_fifo()})

  a:add_group(b:private_group())
  a:add_message_part "parts"
  a:send()
  local padding = S.Message()
  padding:resize(padding:capacity())
  b:add_message_part(got)
  b:add_message_part(padding)
  equal(6, b:receive())
  b:copy_groups(groups)
  equal({"parts", 0, b:private_group(), a:private_group()}, {got:read(6), padding:size(), groups:group(0), got:sender()})
  a:kill()
  b:kill()
end

function T.select_knows_what_was_read_ahead()
  local socket = require "socket"
  local m = mailbox("sscsel", false)
  local message = S.Message()
  message:write("x")
  for _ = 1, 2 do m:send(message, m:private_group()) end
  for _ = 1, 2 do
    assert(socket.select({m}, nil, 5)[m], "nothing to receive")
    m:receive(message)
  end
  equal(nil, socket.select({m}, nil, 0)[m])
  m:kill()
end

function T.membership()
  local a = mailbox()
  local m, info, groups, list, mine = S.Message(), S.MembershipInfo(), S.GroupList(), S.GroupList(), S.GroupList()
  mine:add(a:private_group())
  a:join(group)
  a:receive(m, groups)
  assert(m:is_membership() and not m:is_regular())
  m:get_membership_info(info)
  assert(info:caused_by_join() and not info:caused_by_leave() and not info:is_self_leave())
  equal({group, a:private_group()}, {m:sender(), info:changed_member()})
  info:get_local_members(list)
  assert(list == mine)
  info:get_all_members(list)
  assert(list == mine and groups == mine)
  a:leave(group)
  a:receive(m)
  m:get_membership_info(info)
  assert(info:is_self_leave() and info:caused_by_leave())
  a:kill()
end

function T.errors_are_thrown()
  local a = mailbox()
  local ok, err = pcall(a.join, a, "####")
  equal({false, "ILLEGAL_GROUP"}, {ok, err.name})
  a:kill()
  ok, err = pcall(a.receive, a)
  equal({false, "ILLEGAL_SESSION"}, {ok, err.name})
  ok, err = pcall(S.Mailbox, "nonsense")
  equal({false, "ILLEGAL_SPREAD"}, {ok, err.name})
end

return T
