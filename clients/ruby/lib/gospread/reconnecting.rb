# frozen_string_literal: true

require_relative "connection"

module Gospread
  # The connection was lost and there is a new one, which has joined the groups
  # again. This client has lost its place in the order: messages may be missing, and
  # state that was built from them must be fetched anew.
  class Reconnected
    include Event
    # The private group now; it can be another one if no name was given.
    attr_reader :private_group
    # Why the connection before was lost.
    attr_reader :error

    def initialize(private_group, error) # :nodoc:
      @private_group = private_group
      @error = error
      freeze
    end

    def reconnected? = true
    def to_h = { private_group: @private_group, error: @error }
  end

  # A Connection that is made anew when it is lost. Receiving does that: it returns
  # Reconnected when it has succeeded. Until then sending raises
  # Error::ConnectionClosed.
  class Reconnecting
    include Enumerable

    # Trying again is no use after these.
    FINAL = [Error::RejectIllegalName, Error::RejectVersion, Error::RejectAuth].freeze
    # How long one attempt may take, in seconds.
    DEFAULT_TIMEOUT = 5
    private_constant :FINAL

    # daemons:: one or an Array, of which the next is tried after the one that was lost.
    # delay, max_delay:: seconds between attempts, which double from the one to
    #                    the other.
    # timeout:: of each attempt, in seconds.
    # Other arguments and errors as for Connection.open; the first connection is made here.
    def initialize(daemons = nil, delay: 0.1, max_delay: 5, timeout: DEFAULT_TIMEOUT, **options)
      @daemons = [*daemons]
      @daemons << "" if @daemons.empty?
      @daemons.each { |daemon| Address.parse(daemon) }
      @options = options.merge(timeout: timeout)
      @delay = delay
      @max_delay = max_delay
      @groups = []
      @receiving = Turn.new
      @lock = Mutex.new
      @ended = ConditionVariable.new
      @closed = false
      @error = nil
      @pause = @delay
      @connection = connect_first
      @next = Clock.now + @delay
    end

    # As Connection.open.
    def self.open(daemons = nil, **options)
      connection = new(daemons, **options)
      return connection unless block_given?

      begin
        yield connection
      ensure
        connection.close
      end
    end

    def name = @connection.name
    def private_group = @connection.private_group
    def daemon_version = @connection.daemon_version
    def closed? = @closed

    # As in Connection. The groups are joined again after a loss, also those that
    # are asked for while there is no connection.
    def join(*groups)
      groups = Connection.names(groups.flatten)
      change(groups) { @groups |= groups }
      @connection.join(*groups)
      self
    rescue Error::ConnectionClosed
      self
    end

    # As in Connection.
    def leave(*groups)
      groups = Connection.names(groups.flatten)
      change(groups) { @groups -= groups }
      @connection.leave(*groups)
      self
    rescue Error::ConnectionClosed
      self
    end

    # As in Connection.
    def multicast(...) = @connection.multicast(...)

    # As in Connection, and Reconnected. An attempt to connect that is under way is
    # finished when the time is over. Raises only Error::IllegalSession after #close,
    # and what makes further attempts useless: Error::RejectAuth and its like.
    def receive(timeout: nil)
      deadline = Clock.deadline(timeout)
      @receiving.take(deadline) { @error ? reconnect(deadline) : receive_now(deadline) } || nil
    end

    # As in Connection.
    def each
      return enum_for(:each) unless block_given?

      loop do
        event = begin
          receive
        rescue Error::IllegalSession
          return self
        end
        yield event if event
      end
    end

    # As in Connection.
    def close(linger: Connection::DEFAULT_LINGER)
      @lock.synchronize do
        @closed = true
        @ended.broadcast
      end
      @connection.close(linger: linger)
    end

    private

    # Groups whose names cannot be right are not remembered.
    def change(groups, &block)
      groups.each { |group| Connection.check_group(group) }
      @lock.synchronize(&block)
    end

    def connect_first
      failed = 0
      begin
        connect
      rescue Error::CouldNotConnect, Error::ConnectionClosed
        raise if (failed += 1) == @daemons.size

        @daemons.rotate!
        retry
      end
    end

    def connect = Connection.new(@daemons.first, **@options)

    def receive_now(deadline)
      @connection.receive(timeout: Clock.left(deadline))
    rescue Error::ConnectionClosed, Error::IllegalMessage => e
      raise Error::IllegalSession if @closed

      @error = e
      reconnect(deadline)
    end

    # Tries until it is connected, or the time is over (nil).
    def reconnect(deadline)
      loop do
        return nil unless wait_until(@next, deadline)

        begin
          return restore(connect)
        rescue *FINAL
          raise
        rescue Error
          @daemons.rotate!
          @next = Clock.now + @pause * rand(0.5..1.0)
          @pause = [@pause * 2, @max_delay].min
        end
      end
    end

    # Waits for a time; false if the deadline is before it.
    def wait_until(time, deadline)
      @lock.synchronize do
        loop do
          raise Error::IllegalSession if @closed
          return true if Clock.over?(time)
          return false if Clock.over?(deadline)

          @ended.wait(@lock, [Clock.left(time), Clock.left(deadline)].compact.min)
        end
      end
    end

    # Until the groups are joined the lost connection stays, and tells senders so. Groups that were
    # asked for or left meanwhile come then.
    def restore(connection)
      whole = false
      groups = @lock.synchronize { @groups.dup }
      connection.join(*groups)
      event, lost, now = @lock.synchronize { adopt(connection) }
      whole = true
      lost.abort
      begin
        connection.join(*(now - groups)).leave(*(groups - now))
      rescue Error::ConnectionClosed
        # The next call to receive sees it, too.
      end
      event
    ensure
      connection.abort unless whole
    end

    # A connection that is lost at once is not made anew at once.
    def adopt(connection)
      raise Error::IllegalSession if @closed

      event = Reconnected.new(connection.private_group, @error)
      lost = @connection
      @connection = connection
      @error = nil
      @pause = @delay
      @next = Clock.now + @delay
      [event, lost, @groups.dup]
    end
  end
end
