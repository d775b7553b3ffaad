--- A connection that comes back: connects again when it is lost, joins its groups
-- again, and tells the program that it has lost its place in the order.

local socket = require "socket"
local errors = require "gospread.errors"
local spread = require "gospread"
local wire = require "gospread.wire"

local gettime = socket.gettime

local Reconnecting = {}
Reconnecting.__index = Reconnecting

local FIRST, MOST = 0.1, 5 -- seconds between attempts
local TIMEOUT = 5 -- seconds for an attempt

-- What another attempt does not help against.
local permanent = {ILLEGAL_SPREAD = true, REJECT_ILLEGAL_NAME = true, REJECT_VERSION = true, REJECT_AUTH = true}

--- Makes one. Arguments as for connect, and in options `sleep`, a function(seconds)
-- for schedulers of coroutines. It connects in receive.
local function new(daemon, options)
  local o = {}
  for key, value in pairs(options or {}) do o[key] = value end
  local sleep = o.sleep or socket.sleep
  o.sleep = nil
  o.timeout = o.timeout or TIMEOUT
  return setmetatable({
    target = daemon,
    options = o,
    sleep = sleep,
    groups = {}, -- joined, in their order
    delay = FIRST,
    due = 0, -- when to try next
    before = false, -- was connected before
    conn = nil,
    closed = false,
  }, Reconnecting)
end

local function position(list, value)
  for i, v in ipairs(list) do
    if v == value then return i end
  end
end

-- Joins the groups again.
local function rejoin(self, c)
  for _, group in ipairs(self.groups) do
    local ok, err = c:join(group)
    if not ok then
      c:abort()
      return nil, err
    end
  end
  return c
end

-- Puts the next attempt off, each time longer.
local function put_off(self)
  self.due = gettime() + self.delay * (0.5 + math.random() / 2)
  self.delay = math.min(self.delay * 2, MOST)
end

-- One attempt. Returns the event, or nil and an error if there is no use in more.
function Reconnecting:attempt()
  local c, err = spread.connect(self.target, self.options)
  if c then c, err = rejoin(self, c) end
  if c then
    local again = self.before
    self.conn, self.before = c, true
    return {kind = "connected", private_group = c.private_group, again = again}
  end
  if permanent[err.name] then return nil, err end
  self.last_error = err
  put_off(self)
end

--- Receives as a connection does. Between the messages come, when they happen,
-- {kind="connected", private_group=, again=} and {kind="lost", error=}: after a
-- loss messages are missing, and views begin anew. While there is no connection
-- this waits and tries; last_error tells why the last attempt failed.
function Reconnecting:receive(timeout)
  local deadline = timeout and gettime() + timeout
  while not self.closed do
    local left = deadline and math.max(deadline - gettime(), 0)
    if self.conn then
      local m, err = self.conn:receive(left)
      if m then self.delay = FIRST end -- only now is it known that the connection is good for something
      if m or err.timeout then return m, err end
      if not self.closed then
        self.conn:abort()
        self.conn = nil
        put_off(self)
        return {kind = "lost", error = err}
      end
    else
      local pause = math.max(self.due - gettime(), 0)
      if left and pause > left then
        self.sleep(left)
        return nil, errors.timeout("receive")
      end
      if pause > 0 then self.sleep(pause) end
      local event, err = self:attempt()
      if event or err then return event, err end
    end
  end
  return nil, errors.new(errors.codes.ILLEGAL_SESSION, "receive")
end

local function unconnected(op)
  return nil, errors.new(errors.codes.CONNECTION_CLOSED, op, "not connected at the moment; receive connects again")
end

--- Joins a group, now or as soon as there is a connection.
function Reconnecting:join(group)
  local bad = wire.bad_group(group)
  if bad then return nil, errors.new(errors.codes.ILLEGAL_GROUP, "join", bad) end
  if self.conn then
    local ok, err = self.conn:join(group)
    if not ok and err.name ~= "CONNECTION_CLOSED" then return nil, err end
  end
  if not position(self.groups, group) then table.insert(self.groups, group) end
  return true
end

--- Leaves a group.
function Reconnecting:leave(group)
  local i = position(self.groups, group)
  if i then table.remove(self.groups, i) end
  if not self.conn then return true end
  local ok, err = self.conn:leave(group)
  if not ok and err.name ~= "CONNECTION_CLOSED" then return nil, err end
  return true
end

--- As a connection's; fails with CONNECTION_CLOSED while there is none. Nothing is
-- sent later: the program knows whether it still makes sense.
function Reconnecting:multicast(...)
  if not self.conn then return unconnected("multicast") end
  return self.conn:multicast(...)
end

--- Ends it.
function Reconnecting:close()
  self.closed = true
  if self.conn then return self.conn:close() end
  return true
end

return {new = new}
