--- The bytes of the protocol (client protocol 2 to 5). Pure: no socket, no clock.
--
-- Parsers return nil and a text for what no daemon may send, and never look
-- behind the bytes they are given.

local M = {}

local byte, char, sub, find, rep = string.byte, string.char, string.sub, string.find, string.rep
local floor, concat = math.floor, table.concat

M.HEADER = 48
M.NAME = 32
M.MAX_NAME = 31
M.MAX_PRIVATE = 10
M.MAX_GROUPS = 100
--- Most bytes of data and names, 32 each, that daemons take in a message.
M.MAX_BODY = 143952
local MAX_DATA = 144000
-- Views may be longer than any data message; this keeps a broken daemon from
-- making the client hold more.
local MAX_FRAME = 8 * 1024 * 1024
-- Sets without members in a view: one for each daemon there may be.
local MAX_EMPTY_SETS = 128
-- Names that are remembered as strings.
local MAX_NAMES = 16 * 1024

M.services = {unreliable = 1, reliable = 2, fifo = 4, causal = 8, agreed = 16, safe = 32}
local service_names = {}
for name, bit in pairs(M.services) do service_names[bit] = name end

M.SELF_DISCARD = 0x40
M.JOIN, M.LEAVE, M.KILL = 0x10000, 0x20000, 0x40000
local REG_MEMB, TRANSITION, REJECT = 0x1000, 0x2000, 0x400000
local CAUSED_BY_LEAVE = 0x200
local causes = {[0x100] = "join", [0x200] = "leave", [0x400] = "disconnect", [0x800] = "network"}
local MARKER = 0x80000080

local function has(word, bit) return word % (bit + bit) >= bit end

--- Whether this machine is little-endian.
M.little = (function()
  if string.pack then return string.pack("=I2", 1) == "\1\0" end
  local ok, ffi = pcall(require, "ffi")
  if ok then return ffi.abi("le") end
  return byte(string.dump(function() end), 7) == 1 -- the header of Lua 5.1 and 5.2 has the order here
end)()

local function word_le(s, p)
  local a, b, c, d = byte(s, p, p + 3)
  return a + b * 256 + c * 65536 + d * 16777216
end

local function word_be(s, p)
  local a, b, c, d = byte(s, p, p + 3)
  return d + c * 256 + b * 65536 + a * 16777216
end

if string.unpack then
  local unpack = string.unpack
  function word_le(s, p) return (unpack("<I4", s, p)) end
  function word_be(s, p) return (unpack(">I4", s, p)) end
end

local function signed(w) return w < 2147483648 and w or w - 4294967296 end

local function put_le(w)
  return char(w % 256, floor(w / 256) % 256, floor(w / 65536) % 256, floor(w / 16777216) % 256)
end

local function put_be(w)
  return char(floor(w / 16777216) % 256, floor(w / 65536) % 256, floor(w / 256) % 256, w % 256)
end

--- A name as it travels.
function M.pad(name) return name .. rep("\0", M.NAME - #name) end

local function strip(raw)
  local zero = find(raw, "\0", 1, true)
  return zero and sub(raw, 1, zero - 1) or raw
end

--- Reports why s is no private name, or nil.
function M.bad_private(s)
  if type(s) ~= "string" then return "the private name is a " .. type(s) .. ", must be a string" end
  if #s > M.MAX_PRIVATE then
    return string.format("private name %q: %d bytes, must be at most %d", s, #s, M.MAX_PRIVATE)
  end
  if find(s, "[^$-~]") then
    return string.format("private name %q: bytes must be printable ASCII from $ to ~ (no blanks, quotes, # or !)", s)
  end
end

--- Reports why s is no group to join or leave, or nil.
function M.bad_group(s)
  if type(s) ~= "string" then return "the group is a " .. type(s) .. ", must be a string" end
  if s == "" or #s > M.MAX_NAME then
    return string.format("group %q: %d bytes, must be 1 to %d", s, #s, M.MAX_NAME)
  end
  if find(s, "[^$-~]") then
    return string.format("group %q: bytes must be printable ASCII from $ to ~ (no blanks, quotes, # or !)", s)
  end
end

--- Reports why no message can be sent to s, or nil. Any bytes but zero will do:
-- other clients may have joined such groups.
function M.bad_target(s)
  if type(s) ~= "string" then return "the group is a " .. type(s) .. ", must be a string" end
  if s == "" or #s > M.MAX_NAME or find(s, "\0", 1, true) then
    return string.format("group %q: %d bytes, must be 1 to %d without a zero byte", s, #s, M.MAX_NAME)
  end
end

-- Handshake ------------------------------------------------------------------

M.VERSION = {5, 0, 1} -- of the protocol, as the hello says it

--- The hello (2.1).
function M.hello(name, membership, priority)
  local flags = (membership and 1 or 0) + (priority and 16 or 0)
  return char(M.VERSION[1], M.VERSION[2], M.VERSION[3], flags, #name) .. name
end

--- The authentication choice (2.6): slots for methods that exchange no bytes.
function M.choice(methods)
  local slots = {}
  for i, method in ipairs(methods) do slots[i] = method .. rep("\0", 30 - #method) end
  slots = concat(slots)
  return slots .. rep("\0", 90 - #slots)
end

--- Reads the authentication list (2.5) from the beginning of s. Returns the list
-- and the bytes used; or nil, a refusal code, 0 for what is no list; or nothing if
-- more bytes are needed.
function M.auth_list(s)
  local n = byte(s, 1)
  if not n then return end
  if n >= 128 then return nil, n - 256 end
  if #s <= n then return end
  local list = sub(s, 2, n + 1)
  if find(list, "[%c\128-\255]") then return nil, 0 end
  return list, n + 1
end

--- Reads the accept (2.7) from the beginning of s. Returns the private group, the
-- bytes used and the daemon's version; or nil, a code; or nothing if more bytes
-- are needed.
function M.accept(s)
  local code, major, minor, patch, n = byte(s, 1, 5)
  if not code then return end
  if code ~= 1 then return nil, code >= 128 and code - 256 or code end
  if not n then return end
  if major >= 128 or minor >= 128 or patch >= 128 or major < 3 then return nil, -7 end
  if n < 1 or n > M.MAX_NAME then return nil, -8 end
  if #s >= n + 5 then return sub(s, 6, n + 5), n + 5, {major, minor, patch} end
end

-- Sending --------------------------------------------------------------------

--- Makes an encoder for messages from the private group `sender`, in the order of
-- this machine or the one that `little` says. It is
-- function(type_word, padded_names, number_of_names, message_type, data).
function M.encoder(sender, little)
  if little == nil then little = M.little end
  local put, mark = put_be, 0
  if little then put, mark = put_le, MARKER end
  sender = M.pad(sender)
  if little and string.pack then
    local pack = string.pack
    return function(word, names, n, mess_type, data)
      return pack("<I4c32I4I4I4", word + MARKER, sender, n, mess_type % 65536 * 256 + MARKER, #data) .. names .. data
    end
  end
  return function(word, names, n, mess_type, data)
    return concat {put(word + mark), sender, put(n), put(mess_type % 65536 * 256 + mark), put(#data), names, data}
  end
end

-- Receiving ------------------------------------------------------------------

--- Reads the header at p of s, which has 48 bytes there. Returns the whole size of
-- the message, its type word, number of names, length of data, and whether its
-- integers are little-endian; or nil and what is wrong.
function M.header(s, p)
  local first, last = byte(s, p), byte(s, p + 3)
  local little = first >= 128
  if little ~= (last >= 128) then return nil, "a type word of neither byte order" end
  local word = little and word_le or word_be
  local t, groups, data = word(s, p), word(s, p + 36), word(s, p + 44)
  if little then t = t - MARKER end
  if (t % 64 > 0 or has(t, REJECT)) and (groups > M.MAX_GROUPS or data > MAX_DATA) then
    return nil, string.format("a message with %d groups and %d bytes of data, at most %d and %d are possible",
      signed(groups), signed(data), M.MAX_GROUPS, MAX_DATA)
  end
  local size = M.HEADER + groups * M.NAME + data
  if has(t, REJECT) then size = size + 4 end
  if size > MAX_FRAME then
    return nil, string.format("a message with %d groups and %d bytes of data", signed(groups), signed(data))
  end
  return size, t, groups, data, little
end

local ID = {}
function ID.__eq(a, b) return a[1] == b[1] and a[2] == b[2] and a[3] == b[3] end
function ID.__tostring(id) return string.format("%d %d %d", id[1], id[2], id[3]) end

local function id(s, p, word)
  return setmetatable({signed(word(s, p)), signed(word(s, p + 4)), signed(word(s, p + 8))}, ID)
end

--- Makes a decoder for a connection: function(message, p, size, type_word, groups,
-- data, little) with what `header` said; it returns a table (see the README), or
-- nil and what is wrong.
-- private: the client's private group; old_views: the daemon is of 3.x;
-- host_little: the order of this machine, for tests.
function M.decoder(private, old_views, host_little)
  if host_little == nil then host_little = M.little end
  local known, count = {}, 0

  local function name(s, p)
    local raw = sub(s, p, p + 31)
    local n = known[raw]
    if n then return n end
    if count >= MAX_NAMES then known, count = {}, 0 end
    n = strip(raw)
    known[raw], count = n, count + 1
    return n
  end

  local function names(s, p, n)
    local list = {}
    for i = 1, n do list[i], p = name(s, p), p + 32 end
    return list
  end

  -- The message types in the hint are in the order of the sender (3.2).
  local function regular(s, p, t, groups, data, names_at)
    local a, b, c = byte(s, p + 40, p + 42)
    local le = a >= 128
    local mess_type = le and b + c * 256 or c + b * 256
    if mess_type >= 32768 then mess_type = mess_type - 65536 end
    local service = t % 64
    local low = t % 128
    local data_at = names_at + groups * 32
    return {
      kind = "regular",
      service = service_names[service],
      sender = name(s, p + 4),
      groups = groups == 1 and {name(s, names_at)} or names(s, names_at, groups),
      type = mess_type,
      data = sub(s, data_at, data_at + data - 1),
      endian_mismatch = le ~= host_little,
      self_discard = low >= 64,
      flags = t - low,
    }
  end

  local function reject(s, p, groups, data)
    local little = byte(s, p + 48) >= 128
    local old = (little and word_le or word_be)(s, p + 48)
    if little and old >= MARKER then old = old - MARKER end
    local m = regular(s, p, old, groups, data, p + 52)
    m.kind, m.old_type, m.request = "reject", old, "multicast"
    if not m.service then
      if has(old, 0x100) then m.request = "join" elseif has(old, CAUSED_BY_LEAVE) then m.request = "leave" end
    end
    -- The daemon adds the client's own private group to the names.
    if m.groups[#m.groups] == private then m.groups[#m.groups] = nil end
    return m
  end

  -- One set at p of a body that ends before limit: its members and what is behind.
  local function set(s, p, limit, word)
    if p + 4 > limit then return end
    local n = word(s, p)
    if n > (limit - p - 4) / 32 then return end
    return names(s, p + 4, n), p + 4 + n * 32
  end

  local function sets(s, p, limit, word, members)
    local n, own_at = word(s, p), word(s, p + 4)
    p = p + 8
    if n > (limit - p) / 4 or n > members + MAX_EMPTY_SETS then return end
    local list, own, start = {}, nil, p
    for i = 1, n do
      if p - start == own_at then own = i end
      list[i], p = set(s, p, limit, word)
      if not p then return end
    end
    return list, own
  end

  local function view(s, p, t, groups, data, little)
    local cause = causes[t % 4096 - t % 256]
    local word = little and word_le or word_be
    local body = p + M.HEADER + groups * 32
    local limit = body + data
    local v = {kind = "membership", group = name(s, p + 4), cause = cause}
    local bad = string.format("a damaged view of group %q", v.group)
    if not cause or data < (old_views and 16 or 20) then return nil, bad end
    v.members, v.id = names(s, p + M.HEADER, groups), id(s, body, word)
    if old_views then
      v.sets, v.own_set = {(set(s, body + 12, limit, word))}, 1
    else
      v.sets, v.own_set = sets(s, body + 12, limit, word, groups)
    end
    if not v.own_set or not v.sets[1] then return nil, bad end
    if cause ~= "network" then v.changed = v.sets[1][1] end
    for i = 1, groups do
      if v.members[i] == private then v.index = i break end
    end
    return v
  end

  return function(s, p, t, groups, data, little)
    if has(t, REJECT) then return reject(s, p, groups, data) end
    -- A service makes it data, whatever else is set: clients can forge the rest (3.3).
    if t % 64 > 0 then return regular(s, p, t, groups, data, p + M.HEADER) end
    if has(t, REG_MEMB) then return view(s, p, t, groups, data, little) end
    if has(t, TRANSITION) then
      if data < 12 then return nil, "a damaged transitional signal" end
      local at = p + M.HEADER + groups * 32
      return {kind = "transition", group = name(s, p + 4), id = id(s, at, little and word_le or word_be)}
    end
    if t % 16384 - t % 256 == CAUSED_BY_LEAVE then return {kind = "self_leave", group = name(s, p + 4)} end
    return regular(s, p, t, groups, data, p + M.HEADER)
  end
end

return M
