--- A connection to a daemon: see the README for what its methods promise.

local socket = require "socket"
local errors = require "gospread.errors"
local wire = require "gospread.wire"

local codes = errors.codes
local gettime = socket.gettime

local Connection = {}
Connection.__index = Connection

local function deadline_of(seconds) return seconds and gettime() + seconds end

-- Handshake (client protocol 2) -----------------------------------------------

local function refusal(code, name, op)
  if code == codes.REJECT_NOT_UNIQUE then
    return errors.new(code, op, string.format(
      "refused: another client of this daemon has the private name %q; choose another, or none to be given one", name))
  elseif code == codes.REJECT_ILLEGAL_NAME then
    return errors.new(code, op, string.format("refused: the daemon does not allow the private name %q", name))
  elseif code <= codes.REJECT_QUOTA and code >= codes.REJECT_AUTH and code ~= codes.CONNECTION_CLOSED then
    return errors.new(code, op)
  end
  return errors.new(codes.CONNECTION_CLOSED, op, "the daemon's answer makes no sense; is it a Spread daemon?")
end

-- Reads one piece of the handshake, however fragmented.
local function piece(stream, parse, deadline, name, op)
  local n = 1
  while true do
    if stream:have(n) then
      local value, used, extra = parse(stream.buf:sub(stream.pos))
      if value then
        stream:skip(used)
        return value, extra
      end
      if used then return nil, refusal(used, name, op) end
      n = stream:buffered() + 1
    end
    local ok, err = stream:read(deadline)
    if not ok then
      if err ~= "timeout" then err = "the daemon broke off the handshake (" .. err .. "); its log may tell why" end
      return nil, errors.new(codes.CONNECTION_CLOSED, op, err)
    end
  end
end

local function shake(stream, o, deadline, op)
  -- A daemon that refuses at once may have closed by now; its reason, which is
  -- read next, is worth more than the failure to write.
  stream:write(wire.hello(o.name, o.membership, o.priority), deadline)
  local methods, err = piece(stream, wire.auth_list, deadline, o.name, op)
  if not methods then return nil, err end
  for _, method in ipairs(o.auth) do
    if not (" " .. methods):find(" " .. method .. " ", 1, true) then
      return nil, errors.new(codes.REJECT_AUTH, op, string.format(
        "the daemon does not offer authentication method %q, only %q", method, methods))
    end
  end
  stream:write(wire.choice(o.auth), deadline)
  local private, version = piece(stream, wire.accept, deadline, o.name, op)
  if not private then return nil, version end
  if o.priority and version[1] == 3 and version[2] < 8 then
    return nil, errors.new(codes.REJECT_VERSION, op, "priorities need a daemon of 3.8 or later")
  end
  return private, version
end

--- Introduces the client over a connected stream. o: name, membership, priority,
-- auth, linger, send_timeout. Returns the connection, or nil and an error; the
-- caller closes the stream then.
local function establish(stream, where, o, deadline)
  local private, version = shake(stream, o, deadline, "connect to daemon at " .. where)
  if not private then return nil, version end
  return setmetatable({
    stream = stream,
    private_group = private,
    daemon_version = version,
    membership = o.membership,
    linger = o.linger,
    send_timeout = o.send_timeout,
    encode = wire.encoder(private),
    decode = wire.decoder(private, version[1] == 3),
    -- Set once: why nothing can be sent, or received, any more.
    unsendable = nil,
    unreadable = nil,
    closed = false,
  }, Connection)
end

--- The private name and the daemon's name.
function Connection:name() return (self.private_group:match("^#(.-)#")) end
function Connection:daemon() return (self.private_group:match("^#.-#(.*)$")) end

-- Sending ---------------------------------------------------------------------

local function illegal_session(op) return errors.new(codes.ILLEGAL_SESSION, op) end

local function lost(op, why)
  if why == "closed" then why = "the daemon closed the connection; its log may tell why" end
  return errors.new(codes.CONNECTION_CLOSED, op, why)
end

function Connection:write(op, message)
  if self.closed then return nil, illegal_session(op) end
  if self.unsendable then return nil, lost(op, self.unsendable) end
  local ok, err, sent = self.stream:write(message, deadline_of(self.send_timeout))
  if ok then return true end
  if self.closed then return nil, illegal_session(op) end
  if err == "timeout" then
    if sent == 0 then return nil, errors.timeout(op) end
    err = "the daemon took only a part of a message within the time"
  end
  self.unsendable = err
  return nil, lost(op, err)
end

function Connection:request(op, word, group)
  local bad = wire.bad_group(group)
  if bad then return nil, errors.new(codes.ILLEGAL_GROUP, op, bad) end
  return self:write(op, self.encode(word, wire.pad(group), 1, 0, ""))
end

--- Asks to become a member of a group; the join is done when its view arrives.
function Connection:join(group) return self:request("join", wire.JOIN, group) end

--- Asks to leave a group; the leave is done when the self_leave arrives.
function Connection:leave(group) return self:request("leave", wire.LEAVE, group) end

local function pad_targets(groups)
  if type(groups) == "string" then
    local bad = wire.bad_target(groups)
    if bad then return nil, bad end
    return wire.pad(groups), 1
  end
  if type(groups) ~= "table" then return nil, "the groups are a " .. type(groups) .. ", must be a string or a list" end
  local n = #groups
  if n == 0 or n > wire.MAX_GROUPS then return nil, string.format("%d groups, must be 1 to %d", n, wire.MAX_GROUPS) end
  local padded = {}
  for i = 1, n do
    local bad = wire.bad_target(groups[i])
    if bad then return nil, bad end
    padded[i] = wire.pad(groups[i])
  end
  return table.concat(padded), n
end

local none = {}

--- Sends data (a string) to a group, a private group, or a list of 1 to 100 of
-- both. options: service ("agreed" unless said otherwise), type (-32768..32767),
-- self_discard. Returns the number of bytes of data, or nil and an error.
function Connection:multicast(groups, data, options)
  local op = "multicast"
  options = options or none
  local service = options.service or "agreed"
  local word = wire.services[service]
  if not word then
    return nil, errors.new(codes.ILLEGAL_SERVICE, op, string.format(
      "service %q, must be unreliable, reliable, fifo, causal, agreed or safe", tostring(service)))
  end
  if options.self_discard then word = word + wire.SELF_DISCARD end
  local names, n = pad_targets(groups)
  if not names then return nil, errors.new(codes.ILLEGAL_GROUP, op, n) end
  if type(data) ~= "string" then error("data is a " .. type(data) .. ", must be a string", 2) end
  if #data + #names > wire.MAX_BODY then
    return nil, errors.new(codes.MESSAGE_TOO_LONG, op, string.format(
      "%d bytes of data and %d groups make %d bytes, a daemon takes at most %d", #data, n, #data + #names, wire.MAX_BODY))
  end
  local mess_type = options.type or 0
  if type(mess_type) ~= "number" or mess_type % 1 ~= 0 or mess_type < -32768 or mess_type > 32767 then
    error("message type " .. tostring(mess_type) .. ", must be a whole number from -32768 to 32767", 2)
  end
  local ok, err = self:write(op, self.encode(word, names, n, mess_type, data))
  if not ok then return nil, err end
  return #data
end

-- Receiving -------------------------------------------------------------------

-- Takes the next whole message from the buffer: nil if there is none, nil and a
-- text if it cannot be right.
function Connection:next()
  local stream = self.stream
  if not stream:have(wire.HEADER) then return nil end
  local size, t, groups, data, little = wire.header(stream.buf, stream.pos)
  if not size then return nil, t end
  if not stream:have(size) then return nil end
  local m, bad = self.decode(stream.buf, stream.pos, t, groups, data, little)
  stream:skip(size)
  return m, bad
end

-- Ends reading, and sending with it.
function Connection:broken(why)
  self.unreadable = why
  self.unsendable = self.unsendable or why
end

--- Receives the next message. timeout: seconds, 0 to take only what is there, nil
-- to wait for ever. Returns a table, or nil and an error (err.timeout is true if
-- the time was over).
function Connection:receive(timeout)
  local op = "receive"
  local deadline
  while true do
    if self.closed then return nil, illegal_session(op) end
    if self.unreadable then return nil, lost(op, self.unreadable) end
    local m, bad = self:next()
    if m then return m end
    if bad then
      bad = "the daemon sent " .. bad .. "; the connection was given up"
      self:broken(bad)
      return nil, errors.new(codes.ILLEGAL_MESSAGE, op, bad)
    end
    if timeout and not deadline then deadline = gettime() + timeout end
    local ok, err = self.stream:read(deadline)
    if not ok and not self.closed then
      if err == "timeout" then return nil, errors.timeout(op) end
      self:broken(err)
    end
  end
end

--- An iterator over messages: `for m in c:messages() do`. It ends at a time-out or
-- an error; the error is then in c.last_error.
function Connection:messages(timeout)
  return function()
    local m, err = self:receive(timeout)
    self.last_error = err
    return m
  end
end

--- How many bytes receive could use without waiting. Reads at most 64 KiB ahead.
function Connection:poll()
  if self.closed then return nil, illegal_session("poll") end
  if not self.unreadable then self.stream:peek() end
  return self.stream:buffered()
end

--- For socket.select, which takes connections like sockets.
function Connection:getfd() return self.stream.sock:getfd() end

function Connection:dirty()
  if self.unreadable then return true end
  local stream = self.stream
  if stream:have(wire.HEADER) then
    local size = wire.header(stream.buf, stream.pos)
    if not size or stream:have(size) then return true end
  end
  return stream.sock:dirty()
end

-- Ending ----------------------------------------------------------------------

--- Takes leave of the daemon and closes the connection: waits up to `linger`
-- seconds until the daemon has confirmed, after which the name is free again.
-- Returns true, or nil and an error if the daemon did not take or confirm it.
-- Closing again does nothing and returns true.
function Connection:close()
  if self.closed then return true end
  self.closed = true
  local err = self.unsendable
  if not err then
    local deadline = gettime() + self.linger
    local ok
    ok, err = self.stream:write(self.encode(wire.KILL, wire.pad(self.private_group), 1, 0, ""), deadline)
    while ok and self.linger > 0 do
      self.stream:drop()
      ok, err = self.stream:read(deadline)
    end
    if err == "closed" then err = nil end
  end
  self.stream:close()
  if not err then return true end
  if err == "timeout" then
    err = string.format("the daemon did not confirm the end within %g seconds; the name may still be in use", self.linger)
  end
  return nil, lost("close", err)
end

--- Closes the socket without a word.
function Connection:abort()
  self.closed = true
  self.stream:close()
end

Connection.__close = Connection.close
function Connection:__tostring()
  return string.format("spread connection %s%s", self.private_group, self.closed and " (closed)" or "")
end

return {establish = establish}
