# frozen_string_literal: true

require_relative "helper"

# Recorded bytes: what the library makes of them, and that it would have sent the same.
class WireTest < Minitest::Test
  include Gospread

  def test_received
    seen = 0
    Helper.vectors.select { |v| v[:direction] == "D>C" && v[:notes].include?("groups=") }.each do |v|
      decoder = Decoder.new(old_views: v[:scenario].start_with?("v3-"), own: own(v))
      assert_equal note(v), describe(decode(decoder, v[:bytes])), "#{v[:scenario]} #{v[:session]}"
      seen += 1
    end
    assert_operator seen, :>, 100
  end

  def test_sent
    seen = 0
    Helper.vectors.select { |v| v[:direction] == "C>D" && v[:notes].include?("groups=") }.each do |v|
      next if v[:bytes].getbyte(0) & 0x80 == 0 # of a big-endian client

      type, sender, count, hint, length = v[:bytes].unpack("L<a32L<L<L<")
      groups = Array.new(count) { |i| v[:bytes].byteslice(48 + i * 32, 32) }
      head = Wire.head(type & ~Wire::MARKER, sender, groups, (hint >> 8) & 0xffff, length)
      assert_equal v[:bytes], head + v[:bytes].byteslice(48 + count * 32, length), v[:notes]
      seen += 1
    end
    assert_operator seen, :>, 30
  end

  def test_hello
    Helper.vectors.select { |v| v[:notes].start_with?("hello") }.each do |v|
      flags = v[:bytes].getbyte(3)
      next unless v[:bytes].start_with?("\x05\x00\x01".b)

      assert_equal v[:bytes], Wire.hello(v[:bytes].byteslice(5..), membership: flags & 1 == 1, priority: flags & 0x10 != 0)
    end
    assert_equal "NULL#{"\0" * 26}IP#{"\0" * 58}", Wire.choice(%w[NULL IP])
  end

  # Whatever is wrong with a view, there is an error and nothing else.
  def test_damaged_views
    v = Helper.vectors.find { |x| x[:notes].include?("CAUSED_BY_NETWORK") && x[:scenario] == "transition-join" }
    random = Random.new(1)
    decoder = Decoder.new(old_views: false, own: "#la#left")
    refused = 0
    2000.times do
      bytes = v[:bytes].dup
      random.rand(1..4).times { bytes.setbyte(48 + random.rand(bytes.bytesize - 48), random.rand(256)) }
      view = decode(decoder, bytes)
      assert_equal v[:bytes].unpack1("@36l<"), view.members.size
    rescue Error::IllegalMessage
      refused += 1
    end
    assert_operator refused, :>, 0
  end

  private

  def decode(decoder, bytes)
    order = bytes.getbyte(0) & 0x80 == 0 ? Wire::BIG : Wire::LITTLE
    word, sender, count, hint, length = bytes.unpack(order.header)
    decoder.decode(order, word & ~Wire::MARKER, sender, count, hint, length, bytes.byteslice(48..))
  end

  def own(vector)
    name = vector[:notes][/groups=.*?'(##{vector[:session]}#[^']*)'/, 1]
    name || "##{vector[:session]}#localhost"
  end

  # What events tell of the notes of a recording.
  def note(vector)
    note = vector[:notes][/\A[^;]*/]
    note = note.sub(/ len=\d+/, "") if note.include?("gid=") || note.start_with?("CAUSED_BY_LEAVE from")
    note
  end

  def describe(event)
    case event
    when Rejected
      kind = { join: "CAUSED_BY_JOIN", leave: "CAUSED_BY_LEAVE" }[event.request] || event.service.to_s.upcase
      regular("#{kind}|REJECT", event, event.groups + [event.sender])
    when Message then regular(kind(event), event, event.groups)
    when View
      "CAUSED_BY_#{event.cause.to_s.upcase}|REG_MEMB from '#{event.group}' mess_type=0 groups=#{list(event.members)} " \
        "gid=#{triple(event.id)} sets=[#{event.sets.map { |s| list(s) }.join(', ')}] mine=#{event.own_set_index}"
    when Transition then "TRANSITION from '#{event.group}' mess_type=0 groups=[] gid=#{triple(event.id)}"
    when SelfLeave then "CAUSED_BY_LEAVE from '#{event.group}' mess_type=0 groups=[]"
    end
  end

  def kind(event)
    more = event.service_type & ~0x7f
    event.service.to_s.upcase + (event.self_discard? ? "|SELF_DISCARD" : "") + (more.zero? ? "" : format("|0x%x", more))
  end

  def regular(kind, event, groups)
    "#{kind} from '#{event.sender}' mess_type=#{event.type} groups=#{list(groups)} len=#{event.data.bytesize}"
  end

  def triple(id) = "(#{id.to_a.join(', ')})"
  def list(names) = "[#{names.map { |n| "'#{n}'" }.join(', ')}]"
end
