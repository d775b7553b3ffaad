# frozen_string_literal: true

module Gospread
  # What a connection receives is one of Message, View, Transition, SelfLeave and
  # Rejected. All are frozen, and so are the strings and arrays in them. Names and
  # data are binary strings: names are bytes, which need not be UTF-8.
  module Event
    def message? = false
    def view? = false
    def transition? = false
    def self_leave? = false
    def rejected? = false
    def reconnected? = false
    # For pattern matching: <tt>in Gospread::Message[type: 7, data:]</tt>.
    def deconstruct_keys(_keys) = to_h
  end

  # Data from another client, or from oneself.
  class Message
    include Event

    # Bytes of data that inspect shows.
    SHOWN = 64
    private_constant :SHOWN

    # The private group of the sending client, "#name#daemon".
    attr_reader :sender
    # The groups and private groups that it was sent to, as its sender named them.
    attr_reader :groups
    # :unreliable, :reliable, :fifo, :causal, :agreed or :safe; nil for a kind
    # that this library does not know.
    attr_reader :service
    # The application's own type, -32768..32767.
    attr_reader :type
    attr_reader :data
    # The type word as it came, without the marker of the byte order.
    attr_reader :service_type

    def initialize(sender, groups, service, type, data, service_type, endian_mismatch) # :nodoc:
      @sender = sender
      @groups = groups
      @service = service
      @type = type
      @data = data
      @service_type = service_type
      @endian_mismatch = endian_mismatch
      freeze
    end

    # Whether the sender's machine has the other byte order than this one.
    def endian_mismatch? = @endian_mismatch
    # Whether the sender did not want it back.
    def self_discard? = @service_type & Wire::SELF_DISCARD != 0
    def message? = true
    def to_s = @data

    # For logs and irb, where a hundred kilobytes of data are of no use.
    def inspect
      start = @data.byteslice(0, SHOWN).inspect
      rest = @data.bytesize > SHOWN ? "... (#{@data.bytesize} bytes)" : ""
      "#<#{self.class} sender=#{@sender.inspect} groups=#{@groups.inspect} service=#{@service.inspect} type=#{@type} data=#{start}#{rest}>"
    end

    def to_h
      { sender: @sender, groups: @groups, service: @service, type: @type, data: @data,
        self_discard: self_discard?, endian_mismatch: @endian_mismatch }
    end
  end

  # A request of this client that the daemon's access policy refused (client
  # protocol 5.6). Sender is this client, groups are as in the request.
  class Rejected < Message
    # :multicast, :join or :leave.
    attr_reader :request

    def initialize(request, *rest) # :nodoc:
      @request = request
      super(*rest)
    end

    def message? = false
    def rejected? = true
    def to_h = super.merge(request: @request)
  end

  # Names a view of a group: equal ids of a group mean the same view, and nothing
  # else may be read into them (client protocol 5.3).
  ViewId = Struct.new(:daemon, :time, :index) do
    def to_s = to_a.join(" ")
  end

  # A new membership of a group that this client is in. What comes behind it, up to
  # the next view, is delivered among these members (client protocol 5.2).
  class View
    include Event

    # The name of the group.
    attr_reader :group
    # A ViewId.
    attr_reader :id
    # :join, :leave, :disconnect or :network.
    attr_reader :cause
    # The private groups of the members, in the same order at every member.
    attr_reader :members
    # This client's place in members; nil if it is not among them.
    attr_reader :index
    # Who joined, left or disconnected; nil for :network.
    attr_reader :changed
    # For :network the members parted by where they come from: those of one set
    # shared the view before, and delivered the same messages in it. Otherwise one
    # set with the changed member. A 3.x daemon tells only the own set.
    attr_reader :sets
    # The place in sets of the set that this client came with.
    attr_reader :own_set_index

    def initialize(group, id, cause, members, index, sets, own_set_index) # :nodoc:
      @group = group
      @id = id
      @cause = cause
      @members = members
      @index = index
      @sets = sets
      @own_set_index = own_set_index
      @changed = cause == :network ? nil : sets.dig(0, 0)
      freeze
    end

    # The set that this client came with.
    def own_set = @sets[@own_set_index] || []
    def view? = true

    def to_h
      { group: @group, id: @id, cause: @cause, members: @members, index: @index,
        changed: @changed, sets: @sets, own_set_index: @own_set_index }
    end
  end

  # The transitional signal: members of the group have been lost, and up to the
  # next view it is not known that they deliver what this client delivers (client
  # protocol 5.5).
  class Transition
    include Event
    attr_reader :group
    # The ViewId of the view that is ending.
    attr_reader :id

    def initialize(group, id) # :nodoc:
      @group = group
      @id = id
      freeze
    end

    def transition? = true
    def to_h = { group: @group, id: @id }
  end

  # This client's own leave is done: nothing more of the group will come (client
  # protocol 5.4).
  class SelfLeave
    include Event
    attr_reader :group

    def initialize(group) # :nodoc:
      @group = group
      freeze
    end

    def self_leave? = true
    def to_h = { group: @group }
  end
end
