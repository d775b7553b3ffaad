local address = require "gospread.address"

local T = {}

function T.good_names()
  for name, want in pairs {
    [""] = {port = 4803}, ["4803"] = {port = 4803}, ["5811@host"] = {port = 5811, host = "host"},
    ["4803@::1"] = {port = 4803, host = "::1"}, ["4803@[::1]"] = {port = 4803, host = "::1"},
    ["71347@h"] = {port = 5811, host = "h"}, ["99999"] = {port = 34463}, ["-1"] = {port = 65535},
    ["100000000000000000001"] = {port = 1}, -- 10^20 is a multiple of 65536
    [" 5811 @host junk"] = {port = 5811, host = "host"}, ["unix:/run/x y"] = {path = "/run/x y"},
  } do
    equal(want, address.parse(name), name)
  end
  equal({port = 4803}, address.parse(nil))
  equal({port = 4804}, address.parse(4804))
end

function T.bad_names()
  for name, hint in pairs {
    ["host"] = "does not begin with a port", ["@host"] = "does not begin", ["5811junk"] = "behind the port",
    ["5811@"] = "no host", ["5811@ host"] = "no host", ["5811@[]"] = "no host", ["unix:"] = "does not begin",
    [("1"):rep(71)] = "71 bytes",
  } do
    local a, err = address.parse(name)
    equal(nil, a, name)
    assert(err:find(hint, 1, true), name .. ": " .. err)
  end
  assert(not address.parse({}))
end

return T
