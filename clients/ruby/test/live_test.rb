# frozen_string_literal: true

require_relative "helper"

# With a real daemon.
class LiveTest < Minitest::Test
  include Helper
  include Gospread

  def test_services
    c = connect
    group = unique
    c.join(group)
    await(c, View)
    Wire::SERVICES.each_key.with_index do |service, i|
      c.multicast(group, "data #{i}", service: service, type: i - 3)
      m = await(c, Message)
      assert_equal [service, "data #{i}", i - 3, [group], c.private_group, false, false],
                   [m.service, m.data, m.type, m.groups, m.sender, m.self_discard?, m.endian_mismatch?]
    end
  end

  # What a process closes that was forked lives on in the one that made it.
  def test_fork
    skip "this system has no fork" unless Process.respond_to?(:fork)
    c = connect
    %w[close abort].each do |way|
      _, status = Process.wait2(fork { c.public_send(way) && exit!(1); exit!(0) })
      assert_predicate status, :success?
      c.multicast(c.private_group, way)
      assert_equal way, await(c, Message).data
    end
  end

  def test_views
    a = connect
    b = connect
    group = unique
    a.join(group)
    view = await(a, View)
    assert_equal [group, :join, [a.private_group], 0, a.private_group], [view.group, view.cause, view.members, view.index, view.changed]
    b.join(group)
    views = [a, b].map { |c| await(c, View) }
    assert_equal views[0].id, views[1].id
    [a, b].zip(views) do |c, v|
      assert_equal [:join, b.private_group, [[b.private_group]], [b.private_group]], [v.cause, v.changed, v.sets, v.own_set]
      assert_equal c.private_group, v.members[v.index]
    end
    b.leave(group)
    assert_equal group, await(b, SelfLeave).group
    view = await(a, View)
    assert_equal [:leave, b.private_group, [a.private_group]], [view.cause, view.changed, view.members]
    b.join(group)
    await(a, View)
    b.abort
    view = await(a, View)
    assert_equal [:disconnect, b.private_group], [view.cause, view.changed]
    refute_equal views[0].id, view.id
  end

  def test_several_groups
    a = connect
    b = connect(daemon, membership: false)
    g, h = unique, unique
    a.join(g, [h])
    2.times { await(a, View) }
    groups = [h, g, b.private_group, "nobody\xff".b]
    b.multicast(groups, "many", self_discard: true)
    b.multicast(a.private_group, "one")
    m = await(a, Message)
    assert_equal ["many", groups, true], [m.data, m.groups, m.self_discard?]
    assert_equal "one", await(a, Message).data
    b.multicast([b.private_group] * 100, "self")
    assert_equal "self", await(b, Message).data
    assert_nil b.receive(timeout: 0)
  end

  def test_names
    name = unique[0, 10]
    c = connect(daemon, name: name)
    e = assert_raises(Error::RejectNotUnique) { connect(daemon, name: name) }
    assert_match(name, e.message)
    10.times do
      c.close
      # The name is free as soon as close has returned.
      c = connect(daemon, name: name)
    end
    assert_equal name, c.name
  end

  def test_unix_socket
    c = connect("unix:#{given('SPREAD_TEST_SOCKET')}")
    c.multicast(c.private_group, "x" * 143_920)
    assert_equal "x" * 143_920, await(c, Message).data
  end

  # One receiver, many senders: each sender's messages arrive in order.
  def test_threads
    c = connect(daemon, membership: false)
    senders = Array.new(4) do |i|
      Thread.new { 200.times { |n| c.multicast(c.private_group, [[i, n].pack("CN"), "x" * (n * 97 % 20_000)]) } }
    end
    got = Array.new(4) { [] }
    800.times do
      m = await(c, Message)
      i, n = m.data.unpack("CN")
      assert_equal 5 + n * 97 % 20_000, m.data.bytesize
      got[i] << n
    end
    senders.each(&:join)
    assert_equal [[*0...200]] * 4, got
  end

  # Of several receivers each event goes to one.
  def test_many_receivers
    c = connect(daemon, membership: false)
    got = Queue.new
    receivers = Array.new(3) { Thread.new { c.each { |m| got << m.data } } }
    300.times { |i| c.multicast(c.private_group, i.to_s) }
    all = Array.new(300) { got.pop }
    c.close
    receivers.each(&:join)
    assert_equal (0...300).map(&:to_s).sort, all.sort
  end

  def test_what_was_sent_before_close_arrives
    c = connect
    10.times do |i|
      other = connect
      other.multicast([c.private_group, other.private_group], "last #{i}")
      i.odd? ? other.close : other.abort
      assert_equal "last #{i}", await(c, Message).data
    end
  end
end
