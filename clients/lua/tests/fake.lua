-- A socket that plays a script: what to receive, in pieces. Also the daemon's side
-- of the handshake.
local M = {}

local Socket = {}
Socket.__index = Socket

--- script: strings are pieces that arrive; "timeout" is a time in which nothing
-- comes; "closed" the end. Behind the end of the script nothing comes.
-- accepts: how many bytes each send takes, in turn; then all.
function M.socket(script, accepts)
  return setmetatable({script = script, accepts = accepts or {}, sent = "", at = 1, held = "", timeout = nil}, Socket)
end

function Socket:settimeout(seconds) self.timeout = seconds end
function Socket:close() self.is_closed = true end
function Socket:dirty() return false end
function Socket:getfd() return 99 end

function Socket:receive(n)
  if self.is_closed then return nil, "closed", "" end
  if self.held == "" then
    local step = self.script[self.at] or "timeout"
    self.at = self.at + 1
    if step == "timeout" or step == "closed" or step == "connection reset by peer" then return nil, step, "" end
    self.held = step
  end
  local got = self.held:sub(1, n)
  self.held = self.held:sub(n + 1)
  if #got == n then return got end
  return nil, "timeout", got
end

function Socket:send(data, from)
  from = from or 1
  local most = table.remove(self.accepts, 1)
  if most == "closed" then return nil, "closed", from - 1 end
  local last = most and math.min(#data, from + most - 1) or #data
  self.sent = self.sent .. data:sub(from, last)
  if last == #data then return last end
  return nil, "timeout", last
end

function M.greeting(name, version) return "\5NULL \1" .. (version or "\5\0\1") .. string.char(#name) .. name end

--- All bytes as pieces of n.
function M.pieces(bytes, n)
  local list = {}
  for i = 1, #bytes, n do list[#list + 1] = bytes:sub(i, i + n - 1) end
  return list
end

return M
