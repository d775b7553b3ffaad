# frozen_string_literal: true

require_relative "gospread"

# The names of the rb_spread extension, for programs that were written for it. New programs use
# Gospread.
module Spread
  UNRELIABLE_MESS = 0x01
  RELIABLE_MESS = 0x02
  FIFO_MESS = 0x04
  CAUSAL_MESS = 0x08
  AGREED_MESS = 0x10
  SAFE_MESS = 0x20
  REGULAR_MESS = 0x3f
  SELF_DISCARD = 0x40
  CAUSED_BY_JOIN = 0x100
  CAUSED_BY_LEAVE = 0x200
  CAUSED_BY_DISCONNECT = 0x400
  CAUSED_BY_NETWORK = 0x800
  REG_MEMB_MESS = 0x1000
  TRANSITION_MESS = 0x2000
  MEMBERSHIP_MESS = 0x3f00
  REJECT_MESS = 0x400000
  LOW_PRIORITY = 0
  MEDIUM_PRIORITY = 1
  HIGH_PRIORITY = 2
  MAX_GROUP_NAME = 32
  MAX_PRIVATE_NAME = 10
  DEFAULT_SPREAD_PORT = 4803

  # Error::RejectNotUnique and its like, with #error_code.
  Error = Gospread::Error

  # What Connection#receive returns.
  class Message
    def initialize(event) # :nodoc:
      @event = event
    end

    def data? = false
    def membership? = false
    def transition? = false
    def self_leave? = false
    def rejected? = false
  end

  # Data from a client.
  class DataMessage < Message
    def message = @event.data
    def sender = @event.sender
    def groups = @event.groups
    def msg_type = @event.type
    def data? = true
    Gospread::Wire::SERVICES.each_key { |service| define_method(:"#{service}?") { @event.service == service } }
    def to_s = message
  end

  # A request of one's own that the daemon refused; rb_spread did not know it.
  class RejectedMessage < DataMessage
    def data? = false
    def rejected? = true
  end

  # A new membership of a group.
  class MembershipMessage < Message
    def group = @event.group
    def members = @event.members
    # Who joined, left or disconnected, in an Array; after a change of the network, the members that came
    # with this client.
    def delta = @event.own_set
    def membership? = true
    Gospread::Wire::CAUSES.each_value { |cause| define_method(:"caused_by_#{cause}?") { @event.cause == cause } }
  end

  # Members of the group have been lost; a MembershipMessage follows.
  class TransitionMessage < Message
    def group = @event.group
    def transition? = true
  end

  # The own leave is done.
  class SelfLeaveMessage < Message
    def group = @event.group
    def self_leave? = true
  end

  # A connection to a daemon.
  class Connection
    CLASSES = {
      Gospread::Message => DataMessage, Gospread::Rejected => RejectedMessage, Gospread::View => MembershipMessage,
      Gospread::Transition => TransitionMessage, Gospread::SelfLeave => SelfLeaveMessage
    }.freeze
    private_constant :CLASSES

    # See connect.
    def initialize(target, private_name = nil, all_messages = true)
      connect(target, private_name, all_messages)
    end

    # target: "port" or "port@host". all_messages: membership, too. Leaves the daemon that
    # it was connected to, if any.
    def connect(target, private_name = nil, all_messages = true)
      disconnect if @connection && !@connection.closed?
      @connection = Gospread::Connection.new(target, name: private_name, membership: all_messages)
      nil
    end

    def disconnect
      @connection.close
      nil
    end

    # groups: a String or an Array.
    def join(groups)
      @connection.join(*groups)
      nil
    end

    def leave(groups)
      @connection.leave(*groups)
      nil
    end

    # groups: a String or an Array; service_type: such as AGREED_MESS.
    def multicast(message, groups, service_type, msg_type = 0, self_discard = false)
      service = Gospread::Wire::SERVICES.key(service_type & ~SELF_DISCARD) or
        raise Error::IllegalService, format("service 0x%x, must be exactly one of the six", service_type)
      @connection.multicast(groups, message, service: service, type: msg_type,
                            self_discard: self_discard || service_type & SELF_DISCARD != 0)
    end

    # Waits for the next message.
    def receive
      event = @connection.receive
      CLASSES.fetch(event.class).new(event)
    end

    # How many bytes have come and were not received yet.
    def poll = @connection.pending
    # For Kernel#select.
    def io = @connection.to_io
    def private_group = @connection.private_group
  end
end
