rockspec_format = "3.0"
package = "gospread"
version = "1.0.0-1"
source = {
  -- The rock is made in a checkout, with `luarocks make`; whoever publishes it
  -- names the repository here.
  url = "git+https://gospread.example/gospread.git",
  dir = "gospread/clients/lua",
}
description = {
  summary = "Client for the Spread group messaging toolkit",
  detailed = [[
Speaks the protocol of Spread daemons in pure Lua over LuaSocket: ordered and
reliable messages to groups, views of their membership, reconnection. With the
names of libssrcspread's Lua module for programs that use it.]],
  license = "Apache-2.0",
  labels = {"network", "messaging"},
}
dependencies = {
  "lua >= 5.1, < 5.5",
  "luasocket >= 3.0",
}
build = {
  type = "builtin",
  modules = {
    ["gospread"] = "gospread/init.lua",
    ["gospread.address"] = "gospread/address.lua",
    ["gospread.connection"] = "gospread/connection.lua",
    ["gospread.errors"] = "gospread/errors.lua",
    ["gospread.reconnect"] = "gospread/reconnect.lua",
    ["gospread.stream"] = "gospread/stream.lua",
    ["gospread.wire"] = "gospread/wire.lua",
    ["ssrc.spread"] = "ssrc/spread.lua",
  },
  copy_directories = {},
}
