# frozen_string_literal: true

require_relative "wire"
require_relative "events"

module Gospread
  # Turns messages from the daemon into events.
  class Decoder # :nodoc:
    # How many names and lists of names are remembered; then it starts afresh.
    MAX_KNOWN = 4096
    SERVICE_NAMES = Wire::SERVICES.invert.freeze

    # old_views: the layout of 3.x daemons. own: the own private group.
    def initialize(old_views:, own:)
      @old_views = old_views
      @own = own
      @names = {}
      @lists = {}
    end

    # The event of a message, whose rest is what stands behind the header, and
    # order the byte order of its header.
    def decode(order, type, sender, count, hint, length, rest)
      if type & Wire::REJECT != 0
        rejected(order, sender, count, hint, rest)
      elsif type & Wire::SERVICE_MASK != 0
        # Data, whatever else is set: other clients could forge the rest (3.3).
        message(order, type, sender, count, hint, rest)
      elsif type & Wire::REGULAR_MEMBERSHIP != 0
        view(order, type, sender, count, length, rest)
      elsif type & Wire::TRANSITION != 0
        Transition.new(name(sender), view_id(order, rest, count * Wire::NAME_SIZE))
      elsif type & Wire::MEMBERSHIP_MASK == Wire::CAUSED_BY_LEAVE
        SelfLeave.new(name(sender))
      else
        message(order, type, sender, count, hint, rest)
      end
    end

    private

    def message(order, type, sender, count, hint, rest)
      size = count * Wire::NAME_SIZE
      data = rest.byteslice(size, rest.bytesize - size).freeze
      mess_type, mismatch = read_hint(order, hint)
      Message.new(name(sender), list(rest.byteslice(0, size)), service(type), mess_type, data, type, mismatch)
    end

    # hint was read in the order of the header, but has its own marker (3.2).
    def read_hint(order, hint)
      hint &= 0xffffffff
      # The marker reads the same in either order: the bytes alone tell the order.
      written = hint & Wire::MARKER == Wire::MARKER ? Wire::LITTLE : Wire::BIG
      hint = [hint].pack(order.word).unpack1(written.word) unless written.equal?(order)
      type = (hint >> 8) & 0xffff
      [type > 0x7fff ? type - 0x10000 : type, !written.equal?(Wire::OWN)]
    end

    # One service bit; of several, which no daemon lets pass, the strongest.
    def service(type)
      SERVICE_NAMES[1 << ((type & Wire::SERVICE_MASK).bit_length - 1)] if type & Wire::SERVICE_MASK != 0
    end

    def rejected(order, sender, count, hint, rest)
      old = (rest.unpack1(order.word) || 0) & ~Wire::MARKER
      request = :multicast
      if old & Wire::SERVICE_MASK == 0
        request = :join if old & Wire::CAUSED_BY_JOIN != 0
        request = :leave if old & Wire::CAUSED_BY_LEAVE != 0
      end
      size = count * Wire::NAME_SIZE
      groups = list(rest.byteslice(4, size))
      # The daemon adds the private group of this client to the names.
      groups = groups[0..-2].freeze if groups.last == @own
      mess_type, mismatch = read_hint(order, hint)
      data = rest.byteslice(4 + size, rest.bytesize).freeze
      Rejected.new(request, name(sender), groups, service(old), mess_type, data, old, mismatch)
    end

    def name(raw)
      @names[raw] || remember(@names, raw, Wire.name(raw))
    end

    def list(raw)
      @lists[raw] || begin
        names = raw.unpack("a32" * (raw.bytesize / Wire::NAME_SIZE)).map! { |n| name(n) }.freeze
        names.size > 4 ? names : remember(@lists, raw, names)
      end
    end

    def remember(known, raw, value)
      known.clear if known.size >= MAX_KNOWN
      known[raw.frozen? ? raw : raw.dup.freeze] = value
    end

    def view_id(order, rest, at)
      words = rest.byteslice(at, 12)
      damaged("#{words.bytesize} bytes, a group id has 12") if words.bytesize < 12
      ViewId.new(*words.unpack("#{order.int}3")).freeze
    end

    def damaged(why) = raise(Error::IllegalMessage, "membership message with a damaged body: #{why}")

    def view(order, type, sender, count, length, rest)
      cause = Wire::CAUSES[type & Wire::CAUSE_MASK] or
        damaged(format("causes 0x%04x, must be exactly one", type & Wire::CAUSE_MASK))
      size = count * Wire::NAME_SIZE
      members = names(rest, 0, count)
      id = view_id(order, rest, size)
      body = rest.byteslice(size, length)
      sets, own = @old_views ? [[set(order, body, 12)[0]], 0] : sets(order, body, count)
      View.new(name(sender), id, cause, members, members.index(@own), sets.freeze, own)
    end

    def sets(order, body, members)
      damaged("#{body.bytesize} bytes") if body.bytesize < 20
      count, offset = body.byteslice(12, 8).unpack("#{order.word}2")
      # The original makes an empty set now and then; there cannot be many.
      damaged("#{count} sets in #{body.bytesize} bytes") if count > [(body.bytesize - 20) / 4, members + 128].min
      own = nil
      at = 20
      sets = Array.new(count) do |i|
        own = i if at - 20 == offset
        set, at = set(order, body, at)
        set
      end
      [sets, own || damaged("no set begins at offset #{offset}")]
    end

    # The set at a place of the body, and the place behind it.
    def set(order, body, at)
      count = body.byteslice(at, 4)&.unpack1(order.word)
      damaged("a set is cut off") if count.nil? || count * Wire::NAME_SIZE > body.bytesize - at - 4
      [names(body, at + 4, count), at + 4 + count * Wire::NAME_SIZE]
    end

    def names(bytes, at, count)
      Array.new(count) { |i| name(bytes.byteslice(at + i * Wire::NAME_SIZE, Wire::NAME_SIZE)) }.freeze
    end
  end
end
