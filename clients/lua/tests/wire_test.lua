local wire = require "gospread.wire"
local json = require "json"

local T = {}

local function unhex(s) return (s:gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end)) end

local function recorded()
  local f = io.open("../../testdata/vectors.json")
  if not f then skip "the recorded exchanges are not here" end
  local list = json.decode(f:read("*a"))
  f:close()
  for _, v in ipairs(list) do v.bytes = unhex(v.hex) end
  return list
end

local function list_of(names)
  if #names == 0 then return "[]" end
  return "['" .. table.concat(names, "', '") .. "']"
end

local function triple(id) return string.format("(%d, %d, %d)", id[1], id[2], id[3]) end

-- An event as the notes of the recordings describe it.
local function describe(m, private)
  if m.kind == "membership" then
    local sets = {}
    for i, set in ipairs(m.sets) do sets[i] = list_of(set) end
    return string.format("CAUSED_BY_%s|REG_MEMB from '%s' mess_type=0 groups=%s gid=%s sets=[%s] mine=%d",
      m.cause:upper(), m.group, list_of(m.members), triple(m.id), table.concat(sets, ", "), m.own_set - 1)
  elseif m.kind == "transition" then
    return string.format("TRANSITION from '%s' mess_type=0 groups=[] gid=%s", m.group, triple(m.id))
  elseif m.kind == "self_leave" then
    return string.format("CAUSED_BY_LEAVE from '%s' mess_type=0 groups=[]", m.group)
  end
  local word = (m.service or ""):upper()
  if m.kind == "reject" then
    word = ({join = "CAUSED_BY_JOIN", leave = "CAUSED_BY_LEAVE"})[m.request] or word
    word = word .. "|REJECT"
    table.insert(m.groups, private)
  elseif m.self_discard then
    word = word .. "|SELF_DISCARD"
  end
  if m.kind == "regular" and m.flags ~= 0 then word = word .. string.format("|0x%x", m.flags) end
  return string.format("%s from '%s' mess_type=%d groups=%s len=%d", word, m.sender, m.type, list_of(m.groups), #m.data)
end

-- What the note says, without what events do not show.
local function note_of(v)
  local note = v.notes:gsub(";.*", "")
  if note:find("gid=", 1, true) or note:find("^CAUSED_BY_LEAVE from") then note = note:gsub(" len=%d+", "") end
  return note
end

local function decode(bytes, private, old, host)
  local size, t, groups, data, little = wire.header(bytes, 1)
  if not size then return nil, t end
  if #bytes < size then return nil, "short" end
  return wire.decoder(private, old, host)(bytes, 1, t, groups, data, little)
end

-- The events of the recorded daemons say what the notes of the recordings say.
function T.received_as_recorded()
  local seen = 0
  for _, v in ipairs(recorded()) do
    if v.direction == "D>C" and v.notes:find("groups=", 1, true) then
      local old = v.scenario:find("^v3%-") ~= nil
      local private = "#" .. v.session .. "#localhost"
      equal(note_of(v), describe(assert(decode(v.bytes, private, old, true)), private), v.scenario)
      seen = seen + 1
    end
  end
  assert(seen > 80, seen .. " messages seen")
end

-- What the recorded clients sent is what the encoder makes.
function T.sent_as_recorded()
  local seen = 0
  for _, v in ipairs(recorded()) do
    if v.direction == "C>D" and v.notes:find("groups=", 1, true) then
      local size, t, groups, data, little = wire.header(v.bytes, 1)
      equal(#v.bytes, size, v.scenario)
      local m = wire.decoder("", false, true)(v.bytes, 1, t, groups, data, little)
      if m.kind == "regular" then
        local names = {}
        for i, g in ipairs(m.groups) do names[i] = wire.pad(g) end
        local made = wire.encoder(m.sender, little)(t, table.concat(names), groups, m.type, m.data)
        equal(v.bytes, made, v.scenario .. ": " .. v.notes)
        seen = seen + 1
      end
    end
  end
  assert(seen > 40, seen .. " messages seen")
end

function T.handshake_as_recorded()
  local hello = {["handshake-named"] = {"alice", true, false}, ["handshake-priority-no-membership"] = {"prio", false, true},
    ["handshake-anonymous"] = {"", true, false}}
  local seen = 0
  for _, v in ipairs(recorded()) do
    if v.notes:find("^hello") and hello[v.scenario] then
      local h = hello[v.scenario]
      equal(v.bytes, wire.hello(h[1], h[2], h[3]), v.scenario)
      seen = seen + 1
    elseif v.notes:find("^accept:") then
      local group, used, version = wire.accept(v.bytes)
      equal({#v.bytes, v.scenario:find("^v3") and {3, 17, 3} or {5, 0, 1}}, {used, version}, v.scenario)
      assert(group:find("^#.+#.+$"), group)
      for n = 0, #v.bytes - 1 do equal(nil, wire.accept(v.bytes:sub(1, n))) end
      seen = seen + 1
    elseif v.scenario == "handshake-named" and v.notes:find("^authentication choice") then
      equal(v.bytes, wire.choice {"NULL"})
      seen = seen + 1
    end
  end
  assert(seen >= 7, seen .. " seen")
end

function T.byte_orders()
  for _, sender_little in ipairs {true, false} do
    for _, host_little in ipairs {true, false} do
      local m = wire.encoder("#a#d", sender_little)(0x10, wire.pad "g", 1, -7, "x\0y")
      local got = assert(decode(m, "#b#d", false, host_little))
      equal({"#a#d", {"g"}, -7, "x\0y", sender_little ~= host_little, "agreed"},
        {got.sender, got.groups, got.type, got.data, got.endian_mismatch, got.service})
    end
  end
end

function T.types_at_their_ends()
  for _, t in ipairs {-32768, -1, 0, 1, 255, 256, 32767} do
    for _, little in ipairs {true, false} do
      equal(t, decode(wire.encoder("#a#d", little)(1, wire.pad "g", 1, t, ""), "").type)
    end
  end
end

-- The same view in both orders and layouts.
local function view_bytes(little, sets, own_at, cause, old)
  local encode = wire.encoder("g", little)
  local function word(w)
    local s = encode(0, "", 0, 0, ("x"):rep(w)):sub(45, 48)
    return s
  end
  local body = word(1) .. word(2) .. word(3)
  if not old then body = body .. word(#sets) .. word(own_at) end
  local members, n = "", 0
  for _, set in ipairs(sets) do
    body = body .. word(#set)
    for _, name in ipairs(set) do
      body, members, n = body .. wire.pad(name), members .. wire.pad(name), n + 1
    end
  end
  return encode(0x1000 + cause, members, n, 0, body)
end

function T.views_of_both_orders()
  for _, little in ipairs {true, false} do
    local v = assert(decode(view_bytes(little, {{"#a#d"}, {"#b#e", "#c#e"}}, 36, 0x800), "#c#e"))
    equal({"network", {"#a#d", "#b#e", "#c#e"}, 3, {{"#a#d"}, {"#b#e", "#c#e"}}, 2, "1 2 3"},
      {v.cause, v.members, v.index, v.sets, v.own_set, tostring(v.id)})
    equal(nil, v.changed)
    v = assert(decode(view_bytes(little, {{"#a#d"}}, 0, 0x100, true), "#x#d", true))
    equal({"join", "#a#d", 1}, {v.cause, v.changed, v.own_set})
    equal(nil, v.index)
  end
  local a = decode(view_bytes(true, {{"#a#d"}}, 0, 0x100), "")
  local b = decode(view_bytes(false, {{"#a#d"}}, 0, 0x100), "")
  assert(a.id == b.id, "ids of one view are equal")
end

function T.damaged_views_are_refused()
  local whole = view_bytes(true, {{"#a#d"}, {"#b#e"}}, 0, 0x800)
  assert(decode(whole, ""))
  for _, change in ipairs {
    {view_bytes(true, {{"#a#d"}}, 4, 0x800), "no set at the offset"},
    {view_bytes(true, {{"#a#d"}}, 0, 0x300), "two causes"},
    {view_bytes(true, {{"#a#d"}}, 0, 0), "no cause"},
    {view_bytes(true, {}, 0, 0x800), "no sets"},
    {wire.encoder("g", true)(0x1100, "", 0, 0, ("\255"):rep(20)), "as many sets as there are numbers"},
    {wire.encoder("g", true)(0x1100, "", 0, 0, ("\0"):rep(12) .. "\1\0\0\0\0\0\0\0\255\255\255\127"), "a set too large"},
    {wire.encoder("g", true)(0x1100, "", 0, 0, ("\0"):rep(12) .. "\1\0\0\0\0\0\0\0"), "a set that is missing"},
    {wire.encoder("g", true)(0x1100, "", 0, 0, "short"), "no room for an id"},
    {wire.encoder("g", true)(0x2000, "", 0, 0, "short"), "a transition without an id"},
  } do
    local got, err = decode(change[1], "")
    equal(nil, got, change[2])
    assert(type(err) == "string" and err:find("damaged"), change[2] .. ": " .. tostring(err))
  end
end

function T.impossible_headers_are_refused()
  local good = wire.encoder("#a#d", true)(0x10, "", 0, 0, "")
  local function with(at, bytes) return good:sub(1, at) .. bytes .. good:sub(at + #bytes + 1) end
  for what, m in pairs {
    ["half a marker"] = with(0, "\144\0\0\0"),
    ["negative groups"] = with(36, "\255\255\255\255"),
    ["101 groups"] = with(36, "\101\0\0\0"),
    ["negative data"] = with(44, "\255\255\255\255"),
    ["144001 bytes"] = with(44, "\129\50\2\0"),
    ["a view of a gigabyte"] = with(0, "\128\17\0\128"):sub(1, 44) .. "\0\0\0\64",
    ["a view of too many members"] = with(0, "\128\17\0\128"):sub(1, 36) .. "\0\0\32\0" .. good:sub(41),
    ["a reject of too many groups"] = with(0, "\128\0\64\128"):sub(1, 36) .. "\0\0\1\0" .. good:sub(41),
  } do
    local size, err = wire.header(m, 1)
    equal(nil, size, what)
    assert(type(err) == "string", what)
  end
  equal(48 + 144000, wire.header(with(44, "\128\50\2\0"), 1), "the largest")
end

-- Random changes of good messages never fail in another way than by nil and a text.
function T.any_bytes()
  math.randomseed(7)
  local seeds = {view_bytes(true, {{"#a#d"}, {"#b#e", "#c#e"}}, 36, 0x800), wire.encoder("#a#d", true)(0x10, wire.pad "g", 1, 7, "data"),
    view_bytes(false, {{"#a#d"}}, 0, 0x400), wire.encoder("#a#d", true)(0x400000, wire.pad "g", 1, 7, "data")}
  for i = 1, 20000 do
    local m = seeds[i % #seeds + 1]
    for _ = 1, math.random(4) do
      local at = math.random(#m)
      m = m:sub(1, at - 1) .. string.char(math.random(0, 255)) .. m:sub(at + 1)
    end
    local got, err = decode(m, "#a#d", i % 2 == 0)
    assert(got or type(err) == "string")
  end
end

function T.forged_membership_is_data()
  equal("regular", decode(wire.encoder("#a#d", true)(0x1104, wire.pad "g", 1, 0, ""), "").kind)
end

function T.names_with_any_bytes()
  local name = "\1\128\255 '\"\\"
  local m = decode(wire.encoder(name, true)(4, wire.pad(name) .. wire.pad(("n"):rep(31)) .. ("z"):rep(32), 3, 0, ""), "")
  equal({name, {name, ("n"):rep(31), ("z"):rep(32)}}, {m.sender, m.groups})
end

function T.junk_behind_the_zero_of_a_name()
  equal({"g"}, decode(wire.encoder("#a#d", true)(4, "g\0junk" .. ("\255"):rep(26), 1, 0, ""), "").groups)
end

return T
