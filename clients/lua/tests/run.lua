-- Runs the tests: lua tests/run.lua, in the directory of the client. Those of the
-- live connection need SPREAD_TEST_DAEMON=PORT@HOST.
package.path = "./?.lua;./?/init.lua;./tests/?.lua;./conformance/?.lua;" .. package.path

local failed, passed, skipped = 0, 0, 0

--- Values as text, for comparison and messages.
function show(v)
  if type(v) ~= "table" or (getmetatable(v) and getmetatable(v).__tostring) then
    return type(v) == "string" and string.format("%q", v) or tostring(v)
  end
  local keys = {}
  for key in pairs(v) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  local out = {}
  for i, key in ipairs(keys) do out[i] = tostring(key) .. "=" .. show(v[key]) end
  return "{" .. table.concat(out, ", ") .. "}"
end

function equal(want, got, what)
  if show(want) ~= show(got) then
    error(string.format("%s: want %s, got %s", what or "value", show(want), show(got)), 2)
  end
end

--- Expects nil and an error with this name.
function fails(name, value, err)
  if value ~= nil or type(err) ~= "table" or err.name ~= name then
    error(string.format("want the error %s, got %s, %s", name, show(value), tostring(err)), 2)
  end
  return err
end

function skip(why) error({skip = why}, 0) end

local function run(file)
  local tests = require(file)
  local names = {}
  for name in pairs(tests) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local ok, err = xpcall(tests[name], function(e) return type(e) == "table" and e.skip and e or debug.traceback(tostring(e)) end)
    if ok then
      passed = passed + 1
    elseif type(err) == "table" then
      skipped = skipped + 1
      print("skipped " .. file .. "." .. name .. ": " .. err.skip)
    else
      failed = failed + 1
      print("FAILED " .. file .. "." .. name .. ": " .. err)
    end
  end
end

for _, file in ipairs {"wire_test", "address_test", "connection_test", "reconnect_test", "live_test", "ssrc_test"} do run(file) end
print(string.format("%s: %d passed, %d failed, %d skipped", _VERSION, passed, failed, skipped))
os.exit(failed == 0 and 0 or 1)
