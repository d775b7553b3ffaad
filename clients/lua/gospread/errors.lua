--- Errors of the client: the protocol's codes (client protocol 8.1) by name, and
-- the objects that functions return as their second result.

local M = {}

local list = {
  {-1, "ILLEGAL_SPREAD", "illegal name of a daemon"},
  {-2, "COULD_NOT_CONNECT", "could not connect"},
  {-3, "REJECT_QUOTA", "refused: the daemon has as many clients as it takes"},
  {-4, "REJECT_NO_NAME", "refused: the daemon did not get the private name"},
  {-5, "REJECT_ILLEGAL_NAME", "refused: the private name is not allowed"},
  {-6, "REJECT_NOT_UNIQUE", "refused: another client of this daemon has the private name"},
  {-7, "REJECT_VERSION", "refused: the versions of daemon and client do not fit"},
  {-8, "CONNECTION_CLOSED", "the connection is lost"},
  {-9, "REJECT_AUTH", "refused: authentication failed, or this client may not connect"},
  {-11, "ILLEGAL_SESSION", "this side has closed the connection"},
  {-12, "ILLEGAL_SERVICE", "illegal service"},
  {-13, "ILLEGAL_MESSAGE", "illegal message"},
  {-14, "ILLEGAL_GROUP", "illegal group"},
  {-15, "BUFFER_TOO_SHORT", "buffer too short"},
  {-16, "GROUPS_TOO_SHORT", "list of groups too short"},
  {-17, "MESSAGE_TOO_LONG", "message too long"},
  {-18, "NET_ERROR_ON_SESSION", "the connection is broken"},
  {-19, "SP_BUG", "internal error"},
  {-20, "ILLEGAL_TIME", "illegal time-out"},
}

--- Codes by name (`M.codes.CONNECTION_CLOSED == -8`).
M.codes = {}
local names, texts = {}, {}
for _, e in ipairs(list) do
  M.codes[e[2]], names[e[1]], texts[e[1]] = e[1], e[2], e[3]
end

local Error = {}
Error.__index = Error

function Error:__tostring()
  if self.code then
    return string.format("spread: %s: %s (%s, code %d)", self.op, self.message, self.name, self.code)
  end
  return string.format("spread: %s: %s", self.op, self.message)
end

--- Makes an error of a code. Its fields: `code` a number, `name`, `op` what was
-- tried, `message` why it failed.
function M.new(code, op, message)
  return setmetatable({code = code, name = names[code], op = op, message = message or texts[code]}, Error)
end

--- Makes the error of a wait that ended without a result: its `name` is
-- "TIMEOUT", `timeout` is true, and it has no code.
function M.timeout(op)
  return setmetatable({name = "TIMEOUT", timeout = true, op = op, message = "timeout"}, Error)
end

--- Text and name of a code, whatever it is.
function M.describe(code)
  return texts[code] or "unknown code " .. tostring(code), names[code] or "UNKNOWN"
end

--- Tells whether v is an error of this module.
function M.is(v) return getmetatable(v) == Error end

return M
