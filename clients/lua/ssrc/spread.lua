--- The names of libssrcspread's Lua module over gospread, for programs that have
-- `require "ssrc.spread"`. Errors are thrown. See the README for the differences.

local unpack = table.unpack or unpack
local gospread = require "gospread"
local wire = require "gospread.wire"

local M = {
  BaseMessage_Unreliable = 0x01, BaseMessage_Reliable = 0x02, BaseMessage_FIFO = 0x04,
  BaseMessage_Causal = 0x08, BaseMessage_Agreed = 0x10, BaseMessage_Safe = 0x20,
  BaseMessage_SelfDiscard = 0x40,
  Message_DefaultCapacity = 4096,
}
for _, service in ipairs {"Unreliable", "Reliable", "FIFO", "Causal", "Agreed", "Safe"} do
  M["BaseMessage_" .. service .. "SelfDiscard"] = M["BaseMessage_" .. service] + M.BaseMessage_SelfDiscard
end

local service_name = {}
for name, bit in pairs(wire.services) do service_name[bit] = name end

local cause_bit = {join = 0x100, leave = 0x200, disconnect = 0x400, network = 0x800}

-- A class whose objects its function makes: M.Name(...).
local function class(name)
  local methods = {}
  local meta = {__index = methods}
  M[name] = function(...)
    local object = setmetatable({}, meta)
    methods.init(object, ...)
    return object
  end
  return methods, meta
end

local function must(value, err)
  if value == nil then error(err, 3) end
  return value
end

-- GroupList ------------------------------------------------------------------

local GroupList, group_list_meta = class "GroupList"

function GroupList:init() self.names = {} end
function GroupList:add(name) table.insert(self.names, name) return true end
function GroupList:clear() self.names = {} end
function GroupList:size() return #self.names end
function GroupList:group(i) return self.names[i + 1] end

function group_list_meta.__eq(a, b)
  if #a.names ~= #b.names then return false end
  for i, name in ipairs(a.names) do
    if b.names[i] ~= name then return false end
  end
  return true
end

-- Messages -------------------------------------------------------------------

-- What Message and ScatterMessage share.
local function base(methods)
  function methods:reset()
    self.word, self.mess_type, self.from, self.mismatch, self.received = M.BaseMessage_Safe, 0, "", false, nil
  end
  function methods:set_service(word) self.word = word end
  function methods:service() return self.word end
  function methods:set_type(t) self.mess_type = t end
  function methods:type() return self.mess_type end
  function methods:sender() return self.from end
  function methods:endian_mismatch() return self.mismatch end
  function methods:set_self_discard(discard)
    self.word = self.word % 0x40 + (discard == false and 0 or 0x40)
  end
  function methods:is_self_discard() return self.word % 0x80 >= 0x40 end
  function methods:is_membership() return self.received ~= nil and self.received.kind ~= "regular" and self.received.kind ~= "reject" end
  function methods:is_regular() return not self:is_membership() end
  function methods:get_membership_info(info) info.m = self.received end
  for _, service in ipairs {"Unreliable", "Reliable", "FIFO", "Causal", "Agreed", "Safe"} do
    local bit = M["BaseMessage_" .. service]
    methods["set_" .. service:lower()] = function(self) self.word = bit end
    methods["is_" .. service:lower()] = function(self) return self.word % 0x40 == bit end
  end
  function methods:fill(m)
    self.received, self.from, self.mess_type, self.mismatch = m, m.sender or m.group, m.type or 0, m.endian_mismatch or false
    if m.kind == "membership" then
      self.word = 0x1000 + cause_bit[m.cause]
    elseif m.kind == "transition" then
      self.word = 0x2000
    elseif m.kind == "self_leave" then
      self.word = 0x200
    else
      self.word = (wire.services[m.service] or 0) + (m.self_discard and 0x40 or 0)
    end
  end
end

local Message = class "Message"
base(Message)

function Message:init(capacity)
  self:reset()
  self.room, self.data, self.at = capacity or M.Message_DefaultCapacity, "", 0
end
function Message:clear() self.data, self.at = "", 0 end
function Message:size() return #self.data end
function Message:capacity() return math.max(self.room, #self.data) end
function Message:resize(n) self.data = self.data:sub(1, n) .. ("\0"):rep(n - #self.data) end
function Message:seek(at) self.at = at end
function Message:rewind() self.at = 0 end
function Message:append(data)
  self.data = self.data:sub(1, self.at) .. data .. self.data:sub(self.at + #data + 1)
  self.at = self.at + #data
end
--- Writes a text and the zero that ends it.
function Message:write(text) self:append(text .. "\0") end
--- Writes the first n bytes.
function Message:writen(bytes, n) self:append(bytes:sub(1, n)) end
--- Reads n bytes; the text up to the first zero.
function Message:read(n)
  local bytes = self.data:sub(self.at + 1, self.at + n)
  self.at = self.at + #bytes
  local zero = bytes:find("\0", 1, true)
  return zero and bytes:sub(1, zero - 1) or bytes
end
--- All bytes (an addition).
function Message:bytes() return self.data end

local ScatterMessage = class "ScatterMessage"
base(ScatterMessage)

function ScatterMessage:init() self:reset() self.parts = {} end
function ScatterMessage:clear() self.parts = {} end
function ScatterMessage:size() return #self.parts end
function ScatterMessage:add(part) table.insert(self.parts, part) return true end
function ScatterMessage:gather()
  local pieces = {}
  for i, part in ipairs(self.parts) do pieces[i] = type(part) == "string" and part .. "\0" or part.data end
  return table.concat(pieces)
end
-- Spreads data over the parts, as far as each has room.
function ScatterMessage:scatter(data)
  for i, part in ipairs(self.parts) do
    if type(part) ~= "string" then
      local n = i == #self.parts and #data or part:capacity()
      part.data, part.at = data:sub(1, n), 0
      data = data:sub(n + 1)
    end
  end
end

local function load_message(message, m)
  message:fill(m)
  if message.parts then
    message:scatter(m.data or "")
    for _, part in ipairs(message.parts) do
      if type(part) ~= "string" then part:fill(m) end
    end
  else
    message.data, message.at = m.data or "", 0
  end
end

-- MembershipInfo -------------------------------------------------------------

local MembershipInfo = class "MembershipInfo"

function MembershipInfo:init() self.m = {} end
for cause in pairs(cause_bit) do
  MembershipInfo["caused_by_" .. cause] = function(self)
    return self.m.cause == cause or (cause == "leave" and self.m.kind == "self_leave")
  end
end
function MembershipInfo:is_self_leave() return self.m.kind == "self_leave" end
function MembershipInfo:is_transition() return self.m.kind == "transition" end
function MembershipInfo:is_regular_membership() return self.m.kind == "membership" end
function MembershipInfo:changed_member() return self.m.changed or "" end
function MembershipInfo:get_local_members(list) list.names = {unpack(self.m.sets and self.m.sets[self.m.own_set] or {})} end
function MembershipInfo:get_all_members(list) list.names = {unpack(self.m.members or {})} end

-- Mailbox --------------------------------------------------------------------

local Timeout = class "Timeout"
function Timeout:init(seconds, microseconds) self.seconds = (seconds or 0) + (microseconds or 0) / 1000000 end

local Mailbox, mailbox_meta = class "Mailbox"

function Mailbox:init(daemon, name, membership, timeout)
  if type(timeout) == "table" then timeout = timeout.seconds end
  if timeout == 0 then timeout = nil end
  self.c = must(gospread.connect(daemon, {name = name, membership = membership, timeout = timeout}))
  self.groups, self.scatter = M.GroupList(), M.ScatterMessage()
end

function Mailbox:private_group() return self.c.private_group end
function Mailbox:name() return self.c:name() end
function Mailbox:descriptor() return self.c:getfd() end
-- For socket.select, which takes mailboxes: the descriptor alone does not know of
-- messages that were read ahead.
function Mailbox:getfd() return self.c:getfd() end
function Mailbox:dirty() return self.c:dirty() end
function Mailbox:join(group) must(self.c:join(group)) end
function Mailbox:leave(group) must(self.c:leave(group)) end
function Mailbox:poll() return must(self.c:poll()) end
function Mailbox:kill() self.c:abort() end
function Mailbox:add_group(name) return self.groups:add(name) end
function Mailbox:clear_groups() self.groups:clear() end
function Mailbox:copy_groups(list) list.names = {unpack(self.groups.names)} end
function Mailbox:add_message_part(part) return self.scatter:add(part) end
function Mailbox:clear_message_parts() self.scatter:clear() end

--- send(), or send(message, group or GroupList). Returns the bytes sent.
function Mailbox:send(message, groups)
  message, groups = message or self.scatter, groups or self.groups
  if type(groups) == "table" then groups = groups.names end
  local data = message.parts and message:gather() or message.data
  return must(self.c:multicast(groups, data, {service = service_name[message:service() % 0x40] or message:service(),
    self_discard = message:is_self_discard(), type = message:type()}))
end

--- receive(), or receive(message [, GroupList]). Returns the bytes received.
function Mailbox:receive(message, groups)
  local m = must(self.c:receive())
  load_message(message or self.scatter, m)
  local names = m.groups or m.members or {}
  if groups then groups.names = names elseif not message then self.groups.names = names end
  return #(m.data or "")
end

mailbox_meta.__gc = function(self) if self.c then self.c:abort() end end

ssrc = ssrc or {} -- the module has always been a global, too
ssrc.spread = M
return M
