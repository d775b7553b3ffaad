--- Just enough JSON for the driver: strings are bytes, written as Latin-1.

local M = {}

M.null = setmetatable({}, {__tostring = function() return "null" end})
local ARRAY = {}

--- Marks a table as an array, even if it is empty.
function M.array(t) return setmetatable(t, ARRAY) end

local escapes = {['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n"}

local function quote(s)
  return '"' .. s:gsub('[%c"\\\127-\255]', function(c)
    return escapes[c] or string.format("\\u%04x", c:byte())
  end) .. '"'
end

function M.encode(v)
  local kind = type(v)
  if kind == "string" then return quote(v) end
  if kind == "number" then return v % 1 == 0 and string.format("%d", v) or string.format("%.6f", v) end
  if kind ~= "table" then return tostring(v) end
  if v == M.null then return "null" end
  local out = {}
  if getmetatable(v) == ARRAY or #v > 0 then
    for i, e in ipairs(v) do out[i] = M.encode(e) end
    return "[" .. table.concat(out, ",") .. "]"
  end
  for key, e in pairs(v) do out[#out + 1] = quote(key) .. ":" .. M.encode(e) end
  table.sort(out)
  return "{" .. table.concat(out, ",") .. "}"
end

local plain = {b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/"}

local function fail(s, p) error("JSON: unexpected " .. s:sub(p, p + 10) .. " at " .. p) end

-- UTF-8 of one character as one byte, as far as it has one.
local function latin1(s)
  return (s:gsub("([\194\195])([\128-\191])", function(a, b) return string.char((a:byte() - 192) * 64 + b:byte() - 128) end))
end

local function string_at(s, p)
  local out = {}
  while true do
    local q = s:find('["\\]', p) or fail(s, p)
    out[#out + 1] = latin1(s:sub(p, q - 1))
    if s:sub(q, q) == '"' then return table.concat(out), q + 1 end
    local c = s:sub(q + 1, q + 1)
    if c == "u" then
      local code = tonumber(s:sub(q + 2, q + 5), 16)
      out[#out + 1] = code < 256 and string.char(code) or "?"
      p = q + 6
    else
      out[#out + 1] = plain[c] or fail(s, q)
      p = q + 2
    end
  end
end

local words = {["true"] = true, ["false"] = false, null = M.null}
local value_at

-- Members of an array or object that begins at p and ends with `close`.
local function members(s, p, close, add)
  p = s:find("%S", p)
  if s:sub(p, p) == close then return p + 1 end
  while true do
    p = add(p)
    p = s:find("%S", p)
    local c = s:sub(p, p)
    if c == close then return p + 1 end
    if c ~= "," then fail(s, p) end
    p = p + 1
  end
end

function value_at(s, p)
  p = s:find("%S", p) or fail(s, p)
  local c = s:sub(p, p)
  if c == '"' then return string_at(s, p + 1) end
  local t = {}
  if c == "[" then
    return M.array(t), members(s, p + 1, "]", function(at)
      local v
      v, at = value_at(s, at)
      t[#t + 1] = v
      return at
    end)
  elseif c == "{" then
    return t, members(s, p + 1, "}", function(at)
      local key, v
      key, at = value_at(s, at)
      at = s:match("^%s*:()", at) or fail(s, at)
      v, at = value_at(s, at)
      t[key] = v
      return at
    end)
  end
  local number, at = s:match("^(-?%d[%d.eE+-]*)()", p)
  if number then return tonumber(number), at end
  local word
  word, at = s:match("^(%l+)()", p)
  if words[word] == nil then fail(s, p) end
  return words[word], at
end

function M.decode(s) return (value_at(s, 1)) end

return M
