# frozen_string_literal: true

require "timeout"
require_relative "helper"

# Connections that are made anew.
class ReconnectingTest < Minitest::Test
  include Helper
  include Gospread

  def reconnecting(daemons, **options)
    Reconnecting.open(daemons, delay: 0.001, max_delay: 0.01, name: "me", **options).tap { |c| (@connections ||= []) << c }
  end

  def teardown
    @connections&.each { |c| c.close(linger: 0.1) if c.is_a?(Reconnecting) }
    @connections&.reject! { |c| c.is_a?(Reconnecting) }
    super
  end

  def test_daemon_restarted
    daemon = RealDaemon.new(given("SPREAD_TEST_SPREAD"))
    c = reconnecting(daemon.address)
    c.join("g", "h")
    c.leave("h")
    c.multicast("g", "before")
    assert_equal "before", await(c, Message).data
    daemon.kill
    assert_nil c.receive(timeout: 0.05)
    assert_raises(Error::ConnectionClosed) { loop { c.multicast("g", "lost") } }
    c.join("later") # is remembered
    daemon.start
    reconnected = await(c, Reconnected)
    assert_equal [true, c.private_group, Error::ConnectionClosed],
                 [reconnected.reconnected?, reconnected.private_group, reconnected.error.class]
    assert_equal %w[g later], Array.new(2) { await(c, View) }.map(&:group)
    c.multicast(%w[g h], "after")
    assert_equal "after", await(c, Message).data
    c.close
    assert_raises(Error::IllegalSession) { c.receive }
    assert_predicate c, :closed?
  ensure
    daemon&.remove
  end

  def test_what_had_come_comes_first
    address = fake do |i, socket|
      accept(socket)
      socket.write(frame(0x10, "#a#d1", ["g"], i.to_s) * 2)
      drain(socket) if i == 1
    end
    c = reconnecting(address)
    got = c.lazy.map { |e| e.reconnected? ? :reconnected : e.data }.first(5)
    assert_equal ["0", "0", :reconnected, "1", "1"], got
  end

  # A group is the same by its symbol and its string.
  def test_symbols_are_names
    said = Queue.new
    address = fake do |i, socket|
      accept(socket)
      i.zero? ? said.pop : said << socket.read(80)
    end
    c = reconnecting(address)
    c.join(:left, :kept).leave("left")
    said << :lose_it
    assert_predicate c.receive, :reconnected?
    assert_equal "kept", said.pop.byteslice(48, 32).delete("\0")
  end

  # The name is in use until the daemon has noticed, answers break off: it goes on.
  def test_persists
    address = fake do |i, socket|
      case i
      when 0 then accept(socket)
      when 1 then socket.write("\xfa")
      when 2 then nil
      when 3 then accept(socket) && socket.write(frame(0x1100, "g", [], "short"))
      else
        accept(socket, private_group: "#me#d2")
        drain(socket)
      end
    end
    c = reconnecting(address)
    first = await(c, Reconnected)
    second = await(c, Reconnected)
    assert_equal [Error::ConnectionClosed, Error::IllegalMessage], [first, second].map { |e| e.error.class }
    assert_equal "#me#d2", second.private_group
  end

  def test_other_daemons
    gone = TCPServer.open("127.0.0.1", 0) { |s| "#{s.addr[1]}@127.0.0.1" }
    address = fake { |_, socket| accept(socket) && drain(socket) }
    assert_equal "#me#d1", reconnecting([gone, address]).private_group
    assert_raises(Error::CouldNotConnect) { reconnecting(gone) }
    assert_raises(Error::IllegalSpread) { reconnecting([address, "junk"]) }
  end

  def test_refused_for_good
    address = fake { |i, socket| i.zero? ? accept(socket) : socket.write("\xf7") }
    c = reconnecting(address)
    assert_raises(Error::RejectAuth) { c.receive(timeout: PATIENCE) }
  end

  def test_close_ends_attempts
    address = fake { |i, socket| i.zero? ? accept(socket) : nil }
    c = reconnecting(address)
    receiver = Thread.new { c.each.to_a }
    Thread.pass until receiver.stop?
    c.close
    assert_equal [], receiver.value
    c = reconnecting(fake { |i, socket| accept(socket) if i.zero? }, delay: 1000, max_delay: 1000)
    receiver = Thread.new { c.each.to_a }
    Thread.pass until receiver.stop?
    c.close
    assert_equal [], receiver.value
  end

  def test_groups_that_cannot_be_right_are_not_remembered
    joined = Queue.new
    address = fake do |i, socket|
      accept(socket)
      next socket.read(3 * 80) if i.zero?

      2.times { joined << socket.read(80).unpack1("@48Z32") }
      drain(socket)
    end
    c = reconnecting(address)
    assert_raises(Error::IllegalGroup) { c.join("a b") }
    assert_raises(Error::IllegalService) { c.multicast("g", "x", service: nil) }
    c.join("g", ["h"])
    c.leave("h")
    await(c, Reconnected)
    c.join("i")
    assert_equal %w[g i], [joined.pop, joined.pop]
  end

  # A timeout from elsewhere leaves nothing behind that would keep the name in use.
  def test_timeouts_while_it_connects
    go = Queue.new
    address = fake do |i, socket|
      next accept(socket) if i.zero?

      go.pop if i == 1
      accept(socket)
      drain(socket)
    end
    c = reconnecting(address)
    assert_raises(Timeout::Error) { Timeout.timeout(0.1) { c.receive } }
    go << true
    assert_equal "#me#d1", await(c, Reconnected).private_group
    assert_nil c.receive(timeout: 0)
  end
end
