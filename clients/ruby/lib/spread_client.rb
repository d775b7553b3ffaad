# frozen_string_literal: true

require_relative "gospread"

# The names of the spread-client gem, for programs that were written for it. New programs use
# Gospread.
class SpreadClient
  # Data from a client.
  Message = Struct.new(:sender, :text)
  # A new membership of a group, with notify: true. cause is :join, :leave, :disconnect or :network.
  Notification = Struct.new(:group, :members, :cause)

  # A connection under a private name. notify: whether to receive Notifications.
  def self.connect(name, server: "localhost", port: 4803, notify: false)
    new(Gospread::Connection.new("#{port}@#{server}", name: name, membership: notify))
  end

  private_class_method :new

  def initialize(connection) # :nodoc:
    @connection = connection
  end

  def join(group) = @connection.join(group) && nil
  def leave(group) = @connection.leave(group) && nil

  def multicast(group, text, service_type: :reliable)
    @connection.multicast(group, text, service: service_type)
  end

  # Waits for the next Message or Notification.
  def receive
    loop do
      event = @connection.receive
      return Message.new(event.sender, event.data) if event.message?
      return Notification.new(event.group, event.members, event.cause) if event.view?
    end
  end

  def disconnect = @connection.close
end
