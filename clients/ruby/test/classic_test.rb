# frozen_string_literal: true

require_relative "helper"
require_relative "../lib/spread"
require_relative "../lib/spread_client"

# The names of rb_spread and spread-client.
class ClassicTest < Minitest::Test
  include Helper

  def test_rb_spread
    c = Spread::Connection.new(daemon, unique[0, 10], true)
    group = unique
    assert_nil c.join(group)
    joined = c.receive
    assert_equal [true, true, false, group, [c.private_group], [c.private_group]],
                 [joined.membership?, joined.caused_by_join?, joined.caused_by_network?, joined.group, joined.members, joined.delta]
    assert_equal 5, c.multicast("hello", group, Spread::SAFE_MESS, 7)
    IO.select([c.io])
    assert_operator c.poll, :>, 0
    message = c.receive
    assert_equal ["hello", c.private_group, [group], 7], [message.message, message.sender, message.groups, message.msg_type]
    assert_equal [true, true, false, false], [message.data?, message.safe?, message.agreed?, message.membership?]
    c.multicast("not for me", [group], Spread::AGREED_MESS | Spread::SELF_DISCARD)
    c.multicast("nor this", [group], Spread::AGREED_MESS, 0, true)
    c.leave([group])
    left = c.receive
    assert_equal [true, Spread::SelfLeaveMessage, group], [left.self_leave?, left.class, left.group]
    assert_raises(Spread::Error::IllegalService) { c.multicast("x", group, 0x30) }
    e = assert_raises(Spread::Error::RejectNotUnique) { Spread::Connection.new(daemon, c.private_group[/#(.*)#/, 1]) }
    assert_equal(-6, e.error_code)
    c.disconnect
  end

  def test_rb_spread_of_other_events
    address = fake do |_, socket|
      accept(socket)
      socket.write(frame(0x2000, "g", [], [1, 2, 3].pack("l<3")))
      socket.write(frame(0x1800, "g", %w[#me#d1 #a#d1], [1, 2, 3, 2, 36, 1, "#a#d1", 1, "#me#d1"].pack("l<5l<a32l<a32")))
      rejected = frame(0x400000, "#me#d1", %w[g #me#d1], "x")
      socket.write(rejected.insert(48, [0x80000090].pack("L<")))
      drain(socket)
    end
    c = Spread::Connection.new(address)
    assert_predicate c.receive, :transition?
    view = c.receive
    assert_equal [true, %w[#me#d1 #a#d1], ["#me#d1"]], [view.caused_by_network?, view.members, view.delta]
    rejected = c.receive
    assert_equal [true, false, "x"], [rejected.rejected?, rejected.data?, rejected.message]
    c.disconnect
  end

  def test_spread_client
    port, host = daemon.split("@")
    c = SpreadClient.connect(unique[0, 10], server: host, port: port, notify: true)
    group = unique
    c.join(group)
    note = c.receive
    assert_equal [SpreadClient::Notification, group, :join, 1], [note.class, note.group, note.cause, note.members.size]
    c.multicast(group, "hello", service_type: :safe)
    c.leave(group)
    message = c.receive
    assert_equal ["hello", note.members.first], [message.text, message.sender]
    c.disconnect
  end
end
