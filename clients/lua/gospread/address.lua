--- Names of daemons (client protocol 1.4) and the sockets that lead there.

local socket = require "socket"
local errors = require "gospread.errors"

local M = {}

local DEFAULT = "4803"
local MAX = 70 -- bytes
local FORMS = "write PORT@HOST, such as 4803@localhost, or just PORT for this machine"
local SOCKET_DIRS = {"/run/spread", "/tmp"}

-- Unix sockets are there if LuaSocket was built with them.
local has_unix, unix = pcall(require, "socket.unix")
if not has_unix then unix = nil end
if type(unix) == "table" then unix = unix.stream end

--- Whether connections over Unix sockets are possible here.
M.has_unix = unix ~= nil

--- Takes a daemon's name apart. Returns {port=, host=}, {port=} for this machine,
-- or {path=}; or nil and a text.
function M.parse(name)
  if name == nil or name == "" then name = DEFAULT end
  if type(name) == "number" then name = string.format("%d", name) end
  if type(name) ~= "string" then return nil, "the name of the daemon is a " .. type(name) .. ", must be a string" end
  local path = name:match("^unix:(.+)$")
  if path then return {path = path} end
  if #name > MAX then return nil, string.format("daemon name of %d bytes, must be at most %d", #name, MAX) end
  local sign, digits, rest = name:match("^%s*([+-]?)(%d+)(.*)$")
  if not digits then
    return nil, string.format("daemon name %q does not begin with a port; %s", name, FORMS)
  end
  local port = 0
  for d in digits:gmatch("%d") do port = (port * 10 + tonumber(d)) % 65536 end
  if sign == "-" then port = (65536 - port) % 65536 end
  local word = rest:match("%S+")
  if not word then return {port = port} end
  local host = word:match("^@(.*)$")
  if not host then
    return nil, string.format("daemon name %q has %q behind the port; %s", name, word, FORMS)
  end
  host = host:match("^%[(.*)%]$") or host
  if host == "" then
    return nil, string.format("daemon name %q has no host behind the @; %s", name, FORMS)
  end
  return {port = port, host = host}
end

local function remaining(deadline)
  if not deadline then return nil end
  return math.max(deadline - socket.gettime(), 0.001)
end

local function dial_unix(path, deadline)
  local s, err = unix()
  if not s then return nil, err end
  s:settimeout(remaining(deadline))
  local ok
  ok, err = s:connect(path)
  if ok then return s end
  s:close()
  return nil, err
end

local function dial_tcp(host, port, deadline)
  local s, err = socket.tcp()
  if not s then return nil, err end
  s:settimeout(remaining(deadline))
  local ok
  ok, err = s:connect(host, port)
  if not ok then
    s:close()
    return nil, err
  end
  s:setoption("tcp-nodelay", true) -- a message is one write, and must not wait for the answer to the last
  s:setoption("keepalive", true)
  return s
end

-- What getaddrinfo says of a host that does not exist.
local function unknown_host(err)
  return err:find("not known", 1, true) or err:find("No address associated", 1, true)
end

local function failure(where, err, hint)
  local op = "connect to daemon at " .. where
  if err == "timeout" then return errors.new(errors.codes.CONNECTION_CLOSED, op, "timeout") end
  if unknown_host(err) then
    return errors.new(errors.codes.ILLEGAL_SPREAD, op, err .. "; check the host in PORT@HOST")
  end
  return errors.new(errors.codes.COULD_NOT_CONNECT, op, err .. "; " .. hint)
end

-- A daemon of this machine: its Unix socket, or TCP.
local function dial_local(port, deadline)
  local tried = {}
  if unix then
    for _, dir in ipairs(SOCKET_DIRS) do
      local path = dir .. "/" .. port
      local s, err = dial_unix(path, deadline)
      if s then return s, path end
      tried[#tried + 1] = path .. ": " .. err
    end
  end
  local where = "127.0.0.1:" .. port
  local s, err = dial_tcp("127.0.0.1", port, deadline)
  if s then return s, where end
  tried[#tried + 1] = where .. ": " .. err
  if err == "timeout" then return nil, failure(where, err) end
  return nil, errors.new(errors.codes.COULD_NOT_CONNECT, "connect to daemon " .. port .. " on this machine",
    table.concat(tried, "; ") .. "; is it running?")
end

--- Connects to the daemon at a parsed address before the deadline (a time as of
-- socket.gettime, nil for none). Returns the socket and where it leads, or nil and
-- an error. The lookup of a host name is not bound by the deadline.
function M.dial(a, deadline)
  if a.path then
    local op = "connect to daemon at " .. a.path
    if not unix then
      return nil, errors.new(errors.codes.COULD_NOT_CONNECT, op, "this LuaSocket has no Unix sockets (socket.unix); use PORT@HOST")
    end
    local s, err = dial_unix(a.path, deadline)
    if s then return s, a.path end
    return nil, failure(a.path, err, "is the daemon running, and is this its socket?")
  end
  if not a.host then return dial_local(a.port, deadline) end
  local where = (a.host:find(":", 1, true) and "[" .. a.host .. "]" or a.host) .. ":" .. a.port
  local s, err = dial_tcp(a.host, a.port, deadline)
  if s then return s, where end
  return nil, failure(where, err, "is the daemon running there, and is this its port?")
end

return M
