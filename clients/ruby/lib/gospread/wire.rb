# frozen_string_literal: true

require_relative "errors"

module Gospread
  # The bytes of the protocol. Nothing here touches a socket.
  module Wire # :nodoc:
    SERVICES = { unreliable: 0x01, reliable: 0x02, fifo: 0x04, causal: 0x08, agreed: 0x10, safe: 0x20 }.freeze
    SERVICE_MASK = 0x3f
    SELF_DISCARD = 0x40
    CAUSES = { 0x100 => :join, 0x200 => :leave, 0x400 => :disconnect, 0x800 => :network }.freeze
    CAUSE_MASK = 0xf00
    CAUSED_BY_JOIN = 0x100
    CAUSED_BY_LEAVE = 0x200
    REGULAR_MEMBERSHIP = 0x1000
    TRANSITION = 0x2000
    MEMBERSHIP_MASK = 0x3f00
    JOIN = 0x10000
    LEAVE = 0x20000
    KILL = 0x40000
    REJECT = 0x400000

    HEADER_SIZE = 48
    NAME_SIZE = 32
    MAX_NAME = 31
    MAX_USER = 10
    MAX_GROUPS = 100
    MAX_DATA = 144_000
    # What daemons take: data and 32 bytes for each group.
    MAX_BODY = 143_952
    # Bounds of what a daemon can make us hold. Only views come near them.
    MAX_REPLY = 8 << 20

    # The byte order of this machine and the other one: formats of a header, of
    # an integer and of unsigned integers, and the marker that writers of the order set.
    Order = Struct.new(:header, :int, :word, :marker)
    LITTLE = Order.new("L<a32l<l<l<", "l<", "L<", 0x80000080)
    BIG = Order.new("L>a32l>l>l>", "l>", "L>", 0)
    MARKER = 0x80000080
    OWN, OTHER = [1].pack("S").getbyte(0) == 1 ? [LITTLE, BIG] : [BIG, LITTLE]

    VERSION = [5, 0, 1].freeze
    AUTH_SLOT = 30
    AUTH_SLOTS = 3

    module_function

    def hello(name, membership:, priority:)
      flags = (membership ? 0x01 : 0) | (priority ? 0x10 : 0)
      [*VERSION, flags, name.bytesize, name].pack("C5a*")
    end

    def choice(methods) = methods.pack("a#{AUTH_SLOT}" * methods.size).ljust(AUTH_SLOT * AUTH_SLOTS, "\0")

    # The head of a message to the daemon, behind which its data come.
    # sender: as it travels; groups: binary strings.
    def head(type, sender, groups, mess_type, length)
      word = OWN.marker | type
      hint = signed(OWN.marker | (mess_type & 0xffff) << 8)
      if groups.size == 1
        [word, sender, 1, hint, length, groups[0]].pack(ONE_GROUP)
      else
        [word, sender, groups.size, hint, length, *groups].pack(OWN.header + "a32" * groups.size)
      end
    end
    ONE_GROUP = "#{OWN.header}a32"
    private_constant :ONE_GROUP

    def signed(word) = word > 0x7fffffff ? word - 0x1_0000_0000 : word

    # A name without its filling, frozen.
    def name(raw) = raw.unpack1("Z32").b.freeze

    # Whether every byte is from $ to ~.
    def legal?(name) = name.b.match?(/\A[$-~]+\z/n)

    # Why a header from the daemon cannot be right; nil if it can.
    def reject_reason(type, count, length)
      return "message from the daemon with #{count} groups and data length #{length}" if count.negative? || length.negative?

      if type & SERVICE_MASK != 0 && (count > MAX_GROUPS || length > MAX_DATA)
        return "message from the daemon with #{count} groups and data length #{length}, " \
               "at most #{MAX_GROUPS} and #{MAX_DATA} are possible"
      end
      size = HEADER_SIZE + count * NAME_SIZE + length
      "message of #{size} bytes from the daemon, at most #{MAX_REPLY} are possible" if size > MAX_REPLY
    end
  end
end
