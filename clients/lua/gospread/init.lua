--- Client for the Spread toolkit: group messaging with ordered delivery and views.
--
--   local spread = require "gospread"
--   local c = assert(spread.connect("4803@localhost", {name = "me"}))
--   assert(c:join("chat"))
--   assert(c:multicast("chat", "hello"))
--   print(c:receive(5).kind)
--   c:close()

local socket = require "socket"
local address = require "gospread.address"
local connection = require "gospread.connection"
local errors = require "gospread.errors"
local Stream = require "gospread.stream"
local wire = require "gospread.wire"

local M = {
  _VERSION = "1.0.0",
  --- Codes of errors by name.
  codes = errors.codes,
  --- Whether this LuaSocket has Unix sockets.
  has_unix = address.has_unix,
}

local DEFAULT_TIMEOUT = 30 -- seconds
local DEFAULT_LINGER = 1
local METHODS = {NULL = true, IP = true}

local known = {name = true, membership = true, priority = true, timeout = true, linger = true,
  send_timeout = true, auth = true, wait = true}

-- Defaults and checks of the options.
local function complete(options)
  local o = {}
  for key, value in pairs(options or {}) do
    if not known[key] then error("unknown option " .. tostring(key) .. " of connect", 3) end
    o[key] = value
  end
  o.name = o.name or ""
  if o.membership == nil then o.membership = true end
  o.timeout = o.timeout or DEFAULT_TIMEOUT
  o.linger = o.linger or DEFAULT_LINGER
  o.auth = o.auth or "NULL"
  if type(o.auth) == "string" then o.auth = {o.auth} end
  return o
end

local function check(o)
  local bad = wire.bad_private(o.name)
  if bad then return errors.new(errors.codes.REJECT_ILLEGAL_NAME, "connect", bad) end
  for _, method in ipairs(o.auth) do
    if not METHODS[method] then
      return errors.new(errors.codes.REJECT_AUTH, "connect", "authentication method " .. tostring(method) .. ", must be NULL or IP")
    end
  end
  if #o.auth < 1 or #o.auth > 2 then
    return errors.new(errors.codes.REJECT_AUTH, "connect", #o.auth .. " authentication methods, must be 1 or 2")
  end
end

-- Whether a scheduler could go on with others meanwhile: the main program, which
-- Lua 5.1 does not call a coroutine, cannot yield.
local function in_coroutine()
  local co, main = coroutine.running()
  return co and not main
end

--- Connects to a daemon. daemon: "PORT@HOST", "PORT" (this machine: its Unix
-- socket or TCP), "unix:PATH"; nil or "" is "4803". options, all optional:
--
--   name          private name, 1 to 10 bytes; without it the daemon invents one
--   membership    whether views are wanted (true)
--   timeout       seconds for all of connecting (30)
--   linger        seconds that close waits for the daemon (1)
--   send_timeout  seconds that a send waits when the daemon takes nothing (for ever)
--   wait          function(socket, mode, seconds) of a scheduler of coroutines
--   auth          "NULL", "IP", or a list of both ("NULL")
--   priority      true to ask for priority, which daemons ignore
--
-- Returns a connection, or nil and an error.
function M.connect(daemon, options)
  local o = complete(options)
  local err = check(o)
  if err then return nil, err end
  local a, bad = address.parse(daemon)
  if not a then return nil, errors.new(errors.codes.ILLEGAL_SPREAD, "connect", bad) end
  local deadline = socket.gettime() + o.timeout
  local sock, where = address.dial(a, deadline)
  if not sock then return nil, where end
  local stream = Stream.new(sock, in_coroutine() and o.wait or nil)
  local c
  c, err = connection.establish(stream, where, o, deadline)
  if not c then sock:close() end
  stream.wait = o.wait
  return c, err
end

--- Text and name of a code.
M.describe = errors.describe

--- Tells whether a value is an error of this module.
M.is_error = errors.is

return M
