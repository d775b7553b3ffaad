--- A socket with a buffer of what was read, deadlines, and whole writes.
--
-- The socket stays at time-out 0 and is changed only to wait. Where a scheduler of
-- coroutines runs the program, its `wait` waits instead.

local gettime = require("socket").gettime

local CHUNK = 64 * 1024 -- bytes read at once

local Stream = {}
Stream.__index = Stream

--- Makes a stream of a connected LuaSocket socket (or what has its methods).
-- wait: nil, or function(socket, "read"|"write", seconds or nil) that returns when
-- the socket may be ready or the time is over.
function Stream.new(sock, wait)
  sock:settimeout(0)
  return setmetatable({
    sock = sock,
    wait = wait,
    buf = "", pos = 1, -- buf from pos on has been read and not used,
    parts = {}, more = 0, -- and behind it these pieces, of so many bytes
    writer = nil, -- the coroutine that is writing
  }, Stream)
end

--- Bytes read and not used.
function Stream:buffered() return #self.buf - self.pos + 1 + self.more end

--- Whether n bytes are there; if so they stand in buf from pos on.
function Stream:have(n)
  local left = #self.buf - self.pos + 1
  if left >= n then return true end
  if left + self.more < n then return false end
  self.buf = self.buf:sub(self.pos) .. table.concat(self.parts)
  self.pos, self.parts, self.more = 1, {}, 0
  return true
end

--- Uses n bytes up, which are there.
function Stream:skip(n) self.pos = self.pos + n end

--- Forgets what was read.
function Stream:drop() self.buf, self.pos, self.parts, self.more = "", 1, {}, 0 end

-- Reads up to n bytes, as the socket's time-out says.
function Stream:take(n)
  local data, err, partial = self.sock:receive(n)
  data = data or partial
  if not data or data == "" then return nil, err end
  self.parts[#self.parts + 1] = data
  self.more = self.more + #data
  return true
end

-- Seconds up to a deadline, 0 if it is over, nil if there is none.
local function left(deadline) return deadline and math.max(deadline - gettime(), 0) end

--- Reads at least one byte more. Returns true, or nil and "timeout", "closed" or
-- another text of the system. After a time-out nothing is lost.
function Stream:read(deadline)
  while true do
    local ok, err = self:take(CHUNK)
    if ok or err ~= "timeout" then return ok, err end
    local seconds = left(deadline)
    if seconds == 0 then return nil, "timeout" end
    if self.wait then
      self.wait(self.sock, "read", seconds)
    else
      self.sock:settimeout(seconds)
      ok, err = self:take(1)
      self.sock:settimeout(0)
      if not ok then return nil, err end
      self:take(CHUNK) -- a failure will be met again
      return true
    end
  end
end

--- Reads what is there if less than a chunk is buffered; never waits.
function Stream:peek()
  if self:buffered() < CHUNK then self:take(CHUNK) end
end

function Stream:push(data, deadline)
  local sent = 0
  while true do
    local last, err
    last, err, sent = self.sock:send(data, sent + 1)
    if last then return true end
    if err ~= "timeout" then return nil, err, sent end
    local seconds = left(deadline)
    if seconds == 0 then return nil, err, sent end
    if self.wait then
      self.wait(self.sock, "write", seconds)
    else
      self.sock:settimeout(seconds) -- the next send waits
    end
  end
end

-- Whether who was writing has given up in the middle of it: an error of `wait`
-- went through.
local function gave_up(writer, this)
  return writer == this or (type(writer) == "thread" and coroutine.status(writer) == "dead")
end

--- Writes all of data. Returns true, or nil, a text as for read, and how many
-- bytes went out. Coroutines that write at once take turns.
function Stream:write(data, deadline)
  local this = coroutine.running() or "main"
  while self.writer do
    if gave_up(self.writer, this) then return nil, "a coroutine failed while it wrote a message", 0 end
    local seconds = left(deadline)
    if seconds == 0 then return nil, "timeout", 0 end
    self.wait(self.sock, "write", seconds)
  end
  self.writer = this
  local ok, err, sent = self:push(data, deadline)
  self.writer = nil
  if not self.wait then self.sock:settimeout(0) end
  return ok, err, sent
end

function Stream:close() self.sock:close() end

return Stream
