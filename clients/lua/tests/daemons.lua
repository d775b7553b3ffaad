-- Daemons of the tests' own, for what ends or restarts them.
local socket = require "socket"

local M = {}

local program = os.getenv "SPREAD_TEST_SPREAD"

local function free_port()
  local s = assert(socket.bind("127.0.0.1", 0))
  local _, port = s:getsockname()
  s:close()
  return tonumber(port)
end

local function write(path, text)
  local f = assert(io.open(path, "w"))
  f:write(text)
  f:close()
end

local Daemon = {}
Daemon.__index = Daemon

--- Makes a daemon; start starts it.
function M.new()
  if not program then skip "SPREAD_TEST_SPREAD does not name the daemon's program" end
  local d = setmetatable({port = free_port(), base = os.tmpname()}, Daemon)
  write(d.base .. ".conf", string.format("Spread_Segment 127.255.255.255:%d {\n\td 127.0.0.1\n}\nSocketPortReuse = ON\n", d.port))
  d.address = d.port .. "@127.0.0.1"
  return d
end

function Daemon:start()
  local p = assert(io.popen(string.format("'%s' -c %s.conf -n d >%s.log 2>&1 & echo $!", program, self.base, self.base)))
  self.pid = p:read("*l")
  p:close()
end

function Daemon:stop()
  if self.pid then os.execute("kill " .. self.pid) end
  self.pid = nil
end

function Daemon:remove()
  self:stop()
  for _, ending in ipairs {"", ".conf", ".log"} do os.remove(self.base .. ending) end
end

return M
