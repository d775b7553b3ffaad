# frozen_string_literal: true

require "timeout"
require_relative "helper"

# What needs no real daemon.
class ConnectionTest < Minitest::Test
  include Helper
  include Gospread

  def test_names_of_daemons
    { nil => [4803, nil], "" => [4803, nil], "30000" => [30_000, nil], "1@h" => [1, "h"], "1@[::1]" => [1, "::1"],
      "1@::1" => [1, "::1"], "7@127.0.0.1" => [7, "127.0.0.1"] }.each do |text, place|
      address = Address.parse(text)
      assert_equal place, [address.port, address.host], text
    end
    assert_equal "/a b", Address.parse("unix:/a b").path
    ["junk", "@h", "1@", "1x", "1" * 71].each do |text|
      assert_raises(Error::IllegalSpread, text) { Address.parse(text) }
    end
  end

  def test_errors
    assert_equal(-6, Error::RejectNotUnique.code)
    assert_equal(-6, Error::RejectNotUnique.new.error_code)
    assert_equal "refused: another client of this daemon has the private name", Error::RejectNotUnique.new.message
    assert_same Error::ConnectionClosed, Error.for(-8)
    assert_same Error, Error.for(-100)
    assert_raises(Error::CouldNotConnect) { Connection.open("unix:/nowhere/to/be/found") }
    assert_raises(Error::RejectIllegalName) { Connection.open(name: "a b") }
    assert_raises(Error::RejectIllegalName) { Connection.open(name: "elevenbytes") }
    assert_raises(Error::RejectAuth) { Connection.open(auth: {}) }
  end

  # What is no string is the program's mistake, and it learns which.
  def test_wrong_arguments
    assert_match(/auth of NilClass/, assert_raises(ArgumentError) { Connection.open(auth: nil) }.message)
    address = fake { |_, socket| accept(socket) && drain(socket) }
    c = connect(address, name: "me")
    assert_match(/data of NilClass/, assert_raises(ArgumentError) { c.multicast("g", nil) }.message)
    assert_match(/data of Integer/, assert_raises(ArgumentError) { c.multicast("g", ["x", 1, "y"]) }.message)
    assert_match(/group nil/, assert_raises(ArgumentError) { c.join(nil) }.message)
    assert_match(/group 7/, assert_raises(ArgumentError) { c.multicast(["g", 7], "x") }.message)
  end

  def test_symbols_are_names
    said = Queue.new
    address = fake do |_, socket|
      accept(socket)
      said << drain(socket)
    end
    c = connect(address, name: "me")
    c.join(:one, "two").leave(:one).multicast([:three, "four"], "x")
    c.abort
    sent = said.pop
    assert_equal %w[one two one], Array.new(3) { |i| sent.byteslice(80 * i + 48, 32).delete("\0") }
    assert_equal %w[three four], sent.byteslice(240 + 48, 64).unpack("A32A32")
  end

  def test_inspect_is_short
    m = Message.new("#a#d", ["g"], :agreed, 7, "x" * 100_000, 0x10, false)
    assert_equal "#<Gospread::Message sender=\"#a#d\" groups=[\"g\"] service=:agreed type=7 data=\"#{'x' * 64}\"... (100000 bytes)>", m.inspect
    assert_includes Message.new("#a#d", ["g"], :agreed, 7, "short", 0x10, false).inspect, 'data="short">'
  end

  def test_block_closes
    said = Queue.new
    address = fake do |_, socket|
      accept(socket)
      said << drain(socket)
    end
    kept = nil
    assert_equal 7, (Gospread.open(address, name: "me") do |c|
      kept = c
      7
    end)
    assert_predicate kept, :closed?
    assert_raises(Error::IllegalSession) { kept.multicast("g", "x") }
    assert_raises(Error::IllegalSession) { kept.receive(timeout: 0) }
    assert_nil kept.close
    assert_equal 0x80040080, said.pop.unpack1("L<"), "the daemon was told"
  end

  def test_hello_and_version
    hello = nil
    address = fake do |_, socket|
      hello = accept(socket, version: [3, 17, 4], private_group: "#r\xff#d1".b)
      drain(socket)
    end
    c = connect(address, name: "me", membership: false, priority: true)
    assert_equal "\x05\x00\x01\x10\x02me".b, hello
    assert_equal [[3, 17, 4], "#r\xff#d1".b, "r\xff".b, "d1"], [c.daemon_version, c.private_group, c.name, c.daemon_name]
  end

  def test_authentication
    address = fake do |_, socket|
      socket.readpartial(100)
      socket.write("\x07SECRET ")
      slots = socket.read(90) or next
      socket.write(slots.unpack1("Z30"))
      answer = socket.read(3)
      socket.write("\x01\x05\x00\x01\x06#me#d1") if answer == "yes"
      drain(socket)
    end
    secret = ->(socket) { socket.read(6) == "SECRET" && socket.write("yes") }
    assert_equal "#me#d1", connect(address, auth: { "SECRET" => secret }).private_group
    e = assert_raises(Error::RejectAuth) { connect(address) }
    assert_match(/"NULL", only SECRET/, e.message)
    assert_raises(Error::RejectAuth) { connect(address, auth: { "SECRET" => ->(_) { false } }) }
  end

  # Data of every size and of several pieces are what they were.
  def test_sending
    got = Queue.new
    address = fake do |_, socket|
      accept(socket)
      loop do
        head = socket.read(48) or break
        _, _, count, _, length = head.unpack("L<a32l<L<l<")
        socket.read(count * 32)
        got << socket.read(length)
      end
    end
    c = connect(address)
    assert_equal 6, c.multicast("g", "grüß")
    assert_equal "grüß".b, got.pop
    assert_equal 5, c.multicast(%w[a b], ["ab", "", "c".encode("UTF-16LE"), "d"].map(&:b))
    assert_equal "abc\0d".b, got.pop
    big = Array.new(10) { |i| i.to_s * 14_000 }
    assert_equal 140_000, c.multicast("g", big, service: :safe)
    assert_equal big.join.b, got.pop
    assert_equal 0, c.multicast("g", "")
    assert_equal "", got.pop.to_s
    assert_raises(Error::IllegalService) { c.multicast("g", "x", service: :best) }
    assert_raises(Error::IllegalMessage) { c.multicast("g", "x", type: 40_000) }
    assert_raises(Error::IllegalGroup) { c.multicast([], "x") }
    assert_raises(Error::IllegalGroup) { c.join("gruß") }
    assert_raises(Error::MessageTooLong) { c.multicast("g", "x" * 143_921) }
  end

  def test_events
    address = fake do |_, socket|
      accept(socket)
      socket.write(frame(0x10 | 0x40, "#a#d1", ["g"], "\xff", hint: 0x80fffe80))
      socket.write(frame(0x200, "g"))
      drain(socket)
    end
    c = connect(address)
    message, leave = c.first(2)
    case message
    in Message[type: -2, data:, sender: "#a#d1", groups: ["g"], service: :agreed, self_discard: true]
      assert_equal "\xff".b, data
    end
    assert_equal [true, false], [message.message?, message.view?]
    assert_equal [true, "g"], [leave.self_leave?, leave.group]
    assert_equal [Encoding::BINARY], [message.sender, message.data, *message.groups].map(&:encoding).uniq
    assert([message, message.sender, message.data, message.groups].all?(&:frozen?))
  end

  def test_select_and_pending
    address = fake do |_, socket|
      accept(socket)
      socket.write(frame(0x10, "#a#d1", ["g"], "1") + frame(0x10, "#a#d1", ["g"], "2"))
      drain(socket)
    end
    c = connect(address)
    assert IO.select([c], nil, nil, PATIENCE)
    assert_equal "1", c.receive(timeout: PATIENCE).data
    assert IO.select([c], nil, nil, PATIENCE), "what was read ahead is seen"
    assert_operator c.pending, :<=, 81
    assert_equal "2", c.receive(timeout: PATIENCE).data
    assert_equal 0, c.pending
    assert_nil c.receive(timeout: 0)
  end

  # Timeouts while a message trickles in lose nothing of it.
  def test_timeout_in_a_message
    step = Queue.new
    whole = frame(0x10, "#a#d1", ["g"], "x" * 100_000)
    address = fake do |_, socket|
      accept(socket)
      [0...20, 20...70, 70...90, 90...60_000, 60_000...whole.bytesize].each do |range|
        step.pop
        socket.write(whole.byteslice(range))
      end
      drain(socket)
    end
    c = connect(address)
    4.times do
      assert_nil c.receive(timeout: 0)
      step << true
      c.to_io.wait_readable(PATIENCE)
      assert_nil c.receive(timeout: 0.01)
    end
    step << true
    assert_equal "x" * 100_000, c.receive(timeout: PATIENCE).data
  end

  def test_lost
    address = fake do |_, socket|
      accept(socket)
      socket.write(frame(0x10, "#a#d1", ["g"], "last"))
    end
    c = connect(address)
    assert_equal "last", c.receive(timeout: PATIENCE).data
    assert_raises(Error::ConnectionClosed) { c.each { flunk "nothing more comes" } }
    assert_raises(Error::ConnectionClosed) { c.receive(timeout: PATIENCE) }
    assert_raises(Error::ConnectionClosed) { c.join("g") }
    assert_raises(Error::ConnectionClosed) { c.pending }
    c.close
    assert_raises(Error::IllegalSession) { c.receive }
  end

  def test_nonsense_from_the_daemon
    address = fake do |_, socket|
      accept(socket)
      socket.write(frame(0x1100, "g", ["#me#d1"], "short"))
      drain(socket)
    end
    c = connect(address)
    assert_raises(Error::IllegalMessage) { c.receive(timeout: PATIENCE) }
    assert_raises(Error::ConnectionClosed) { c.receive(timeout: PATIENCE) }
    assert_raises(Error::ConnectionClosed) { c.multicast("g", "x") }
  end

  def test_close_wakes_receivers
    address = fake do |_, socket|
      accept(socket)
      drain(socket)
    end
    c = connect(address)
    receivers = Array.new(3) do
      Thread.new do
        c.receive
      rescue Error => e
        e
      end
    end
    each = Thread.new { c.each.to_a }
    Thread.pass until [*receivers, each].all?(&:stop?)
    c.close
    assert_equal [Error::IllegalSession] * 3, receivers.map { |t| t.value.class }
    assert_equal [], each.value
  end

  def test_a_timeout_in_a_send_ends_the_connection
    address = fake do |_, socket|
      accept(socket)
      sleep # reads nothing
    end
    c = connect(address)
    sender = Thread.new do
      loop { c.multicast("g", "x" * 100_000) }
    rescue Timeout::Error => e
      e
    end
    Thread.pass until sender.stop? && !c.to_io.wait_writable(0)
    sender.raise(Timeout::Error)
    assert_instance_of Timeout::Error, sender.value
    e = assert_raises(Error::ConnectionClosed) { c.multicast("g", "x") }
    assert_match(/interrupted/, e.message)
    c.close(linger: 0.1)
  ensure
    @threads.each(&:kill)
  end

  # A timeout in receive does no harm.
  def test_a_timeout_in_a_receive
    go = Queue.new
    address = fake do |_, socket|
      accept(socket)
      bytes = frame(0x10, "#a#d1", ["g"], "x" * 1000)
      socket.write(bytes.byteslice(0, 500))
      go.pop
      socket.write(bytes.byteslice(500..))
      drain(socket)
    end
    c = connect(address)
    assert_raises(Timeout::Error) { Timeout.timeout(0.1) { c.receive } }
    go << true
    assert_equal "x" * 1000, c.receive(timeout: PATIENCE).data
  end
end
