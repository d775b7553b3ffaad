# frozen_string_literal: true

require "io/wait"
require_relative "address"
require_relative "decoder"
require_relative "handshake"
require_relative "turn"

module Gospread
  # A connection to a daemon: one client of the group system.
  #
  #   Gospread::Connection.open("4803@localhost", name: "alice") do |spread|
  #     spread.join("chat")
  #     spread.multicast("chat", "hello")
  #     spread.each { |event| puts event.data if event.message? }
  #   end
  #
  # Any number of threads may use it at once. Of several that receive, each event
  # goes to one. It belongs to the process that made it: in one that was forked from
  # that, #close and #abort only close the descriptor there, and the rest is not for use.
  class Connection
    include Enumerable

    # How long opening may take, in seconds.
    DEFAULT_TIMEOUT = 30
    # How long #close waits for the daemon to confirm, in seconds.
    DEFAULT_LINGER = 1
    # How much one read takes of a message that is longer than what is buffered.
    READ_SIZE = 64 << 10
    # From this size on data is written from where it is, not copied.
    MIN_GATHER = 16 << 10
    # How much #pending looks at.
    MAX_BUFFERED = 1 << 20
    NOTHING = "".b.freeze
    private_constant :READ_SIZE, :MIN_GATHER, :MAX_BUFFERED, :NOTHING

    # The private name of this client, as the daemon has it.
    attr_reader :name
    # The private group, "#name#daemon", under which others see this client.
    attr_reader :private_group
    # What the daemon says that it is, such as [5, 0, 1].
    attr_reader :daemon_version

    # Connects to a daemon. daemon is one of
    #
    #   nil, ""       the same as "4803"
    #   "PORT"        the daemon with that port on this machine: its Unix socket
    #                 /run/spread/PORT or /tmp/PORT or, if neither answers, TCP
    #   "PORT@HOST"   TCP; HOST is a name, an IPv4 or an IPv6 address
    #   "unix:/path"  a Unix socket
    #
    # name:: the private name, 1 to 10 bytes, each from $ to ~; without one the
    #        daemon makes one up.
    # membership:: whether to receive views, transitions and self-leaves.
    # priority:: has no effect on daemons of today.
    # timeout:: in seconds for all of it (finding the host by its name is not
    #           interrupted); nil: no limit.
    # auth:: authentication methods, by name: a callable that gets the socket and
    #        returns whether it succeeded, or nil if the method exchanges nothing.
    #
    # With a block it yields the connection, closes it at the end, and returns what the
    # block returns.
    #
    # Raises Error::IllegalSpread, Error::CouldNotConnect, the refusals
    # Error::Reject..., and Error::ConnectionClosed if the handshake broke off or
    # took too long.
    def self.open(daemon = nil, name: nil, membership: true, priority: false, timeout: DEFAULT_TIMEOUT, auth: { "NULL" => nil })
      connection = new(daemon, name: name, membership: membership, priority: priority, timeout: timeout, auth: auth)
      return connection unless block_given?

      begin
        yield connection
      ensure
        connection.close
      end
    end

    # What may be joined.
    def self.check_group(group) # :nodoc:
      return if (1..Wire::MAX_NAME).cover?(group.bytesize) && Wire.legal?(group)

      raise Error::IllegalGroup,
            "group #{group.inspect}, must have 1 to #{Wire::MAX_NAME} bytes of printable ASCII from $ to ~ (no blanks, quotes, # or !)"
    end

    # See Connection.open.
    def initialize(daemon = nil, name: nil, membership: true, priority: false, timeout: DEFAULT_TIMEOUT, auth: { "NULL" => nil })
      name = check_name(name)
      auth = check_auth(auth)
      deadline = Clock.deadline(timeout)
      @socket = Address.parse(daemon).connect(deadline)
      begin
        accept = Handshake.new(@socket, deadline).run(name, membership: membership, priority: priority, auth: auth)
      ensure
        @socket.close unless accept
      end
      begin_session(accept, membership)
    end

    # The name of the daemon.
    def daemon_name = @private_group.split("#", 3).last
    # Whether this connection receives views.
    def membership? = @membership
    # Whether this side has closed it.
    def closed? = @closed

    # Asks to become a member of groups: 1 to 31 bytes each, every byte from $ to ~.
    # The client is a member when its own join comes as a View; joining again does
    # nothing. Returns self.
    def join(*groups) = request(Wire::JOIN, groups)

    # Asks to leave groups. A leave is done when the SelfLeave comes. Returns self.
    def leave(*groups) = request(Wire::LEAVE, groups)

    # Sends data to a group or private group, or an Array of up to 100, mixed: who is in several
    # of them gets it once. data is a String, whose bytes are sent whatever its
    # encoding, or an Array of Strings that are sent one behind the other. service
    # is :unreliable, :reliable, :fifo, :causal, :agreed or :safe. With
    # self_discard this connection does not get it.
    #
    # It returns the number of bytes of data when the message has been handed to the operating
    # system; if the daemon takes no more, it waits.
    #
    # Raises Error::IllegalService, Error::IllegalGroup, Error::MessageTooLong (data and
    # 32 bytes for each group are more than 143,952 bytes), Error::ConnectionClosed,
    # and Error::IllegalSession after #close.
    def multicast(groups, data, service: :agreed, type: 0, self_discard: false)
      word = Wire::SERVICES[service] || raise(Error::IllegalService, "service #{service.inspect}, must be one of #{Wire::SERVICES.keys.join(', ')}")
      word |= Wire::SELF_DISCARD if self_discard
      send_message(word, groups.is_a?(Array) ? groups : [groups], data, type)
    end

    # The next Message, View, Transition, SelfLeave or Rejected; nil if none came
    # within timeout seconds. nil waits without limit, 0 not at all. A message that has come in part
    # is not lost.
    #
    # Raises Error::ConnectionClosed when the connection is lost, again and again;
    # Error::IllegalMessage, once, if the daemon sent what cannot be right, which ends the connection;
    # and Error::IllegalSession after #close: a thread that waits is woken by it.
    def receive(timeout: nil)
      deadline = Clock.deadline(timeout)
      @receiving.take(deadline) { receive_now(deadline) } || nil
    end

    # Yields event after event, until this side closes the connection. Raises
    # Error::ConnectionClosed when it is lost. Without a block, an Enumerator.
    def each
      return enum_for(:each) unless block_given?

      loop do
        event = begin
          receive
        rescue Error::IllegalSession
          return self
        end
        yield event
      end
    end

    # How many bytes have come and were not received yet, 0 while another thread
    # receives. It waits for nothing.
    def pending
      check_open
      @receiving.take(Clock.now) { (@head ? Wire::HEADER_SIZE : 0) + @partial.bytesize + buffered } || 0
    rescue SystemCallError, IOError => e
      lost(e)
    end

    # For IO.select, which then tells that there is something to receive, also
    # when it has been read already. Do not read from it or write to it.
    attr_reader :socket
    alias to_io socket

    # Takes leave of the daemon and closes the connection: what was sent before is
    # delivered. Waits up to linger seconds for the daemon to confirm, after which the name is
    # free again. Threads that wait to receive are woken with Error::IllegalSession.
    # Closing again does nothing.
    def close(linger: DEFAULT_LINGER)
      return if @closed

      @closed = true
      deadline = Clock.deadline(linger)
      begin
        said = own? && @sending.take(deadline) { write_within(head(Wire::KILL, [@private_group], 0, 0), deadline) }
        await_end(deadline) if said
      rescue SystemCallError, IOError
        # The daemon closed first.
      ensure
        shut
      end
      nil
    end

    # Closes the connection without a word; the daemon notices.
    def abort
      @closed = true
      shut
      nil
    end

    def inspect = "#<#{self.class} #{@private_group}#{' closed' if @closed}>"

    # Sends a message whose type word the caller has made: for layers above.
    def send_message(word, groups, data, type) # :nodoc:
      pieces = data.is_a?(Array) ? data : [data]
      length = pieces.sum(&:bytesize)
      check_groups(groups)
      check_type(type)
      body = length + groups.size * Wire::NAME_SIZE
      if body > Wire::MAX_BODY
        raise Error::MessageTooLong, "#{length} bytes of data and #{groups.size} groups make #{body} bytes, a daemon takes at most #{Wire::MAX_BODY}"
      end

      transmit(head(word, groups, type, length), pieces, length)
      length
    end

    private

    def check_name(name)
      name = name.to_s.b
      return name if name.empty? || (name.bytesize <= Wire::MAX_USER && Wire.legal?(name))

      raise Error::RejectIllegalName,
            "private name #{name.inspect}, must have 1 to #{Wire::MAX_USER} bytes of printable ASCII from $ to ~ (no blanks, quotes, # or !)"
    end

    def check_auth(auth)
      raise Error::RejectAuth, "1 to #{Wire::AUTH_SLOTS} authentication methods are possible" unless (1..Wire::AUTH_SLOTS).cover?(auth.size)

      auth.each_key do |name|
        next if (1...Wire::AUTH_SLOT).cover?(name.bytesize)

        raise Error::RejectAuth, "name of an authentication method #{name.inspect}, must have 1 to #{Wire::AUTH_SLOT - 1} bytes"
      end
      auth.to_a
    end

    def begin_session(accept, membership)
      @private_group = accept.private_group
      @name = @private_group.split("#", 3)[1].to_s.freeze
      @daemon_version = accept.version
      @membership = membership ? true : false
      @sender = @private_group.ljust(Wire::NAME_SIZE, "\0").freeze
      @decoder = Decoder.new(old_views: accept.version[0] < 4, own: @private_group)
      @sending = Turn.new
      @receiving = Turn.new
      @process = Process.pid
      @closed = false
      @broken = nil
      # The message that has come in part: its header if that is whole, and what
      # else is there of it.
      @head = nil
      @partial = NOTHING
    end

    def head(word, groups, type, length) = Wire.head(word, @sender, groups, type, length)

    def request(word, groups)
      groups = groups.flatten
      groups.each { |group| Connection.check_group(group) }
      groups.each { |group| transmit(head(word, [group], 0, 0), [], 0) }
      self
    end

    # Any bytes: other clients may have joined such groups.
    def check_groups(groups)
      raise Error::IllegalGroup, "#{groups.size} groups, must be 1 to #{Wire::MAX_GROUPS}" unless groups.size.between?(1, Wire::MAX_GROUPS)

      groups.each do |group|
        next if group.bytesize.between?(1, Wire::MAX_NAME) && !group.b.include?("\0".b)

        raise Error::IllegalGroup, "group #{group.inspect}, must have 1 to #{Wire::MAX_NAME} bytes and no zero byte"
      end
    end

    def check_type(type)
      return if type.is_a?(Integer) && type.between?(-32_768, 32_767)

      raise Error::IllegalMessage, "type #{type.inspect}, must be -32768 to 32767"
    end

    # ---- sending

    # One write for all of a message.
    def transmit(head, pieces, length)
      if length < MIN_GATHER
        pieces.each { |piece| head << piece.b }
        pieces = []
      end
      @sending.take do
        check_open
        write(head, pieces)
      end
    rescue SystemCallError, IOError => e
      # Nothing is recorded: what the daemon sent before can still be received.
      check_open
      raise Error::ConnectionClosed, lost_text(e)
    end

    def write(head, pieces)
      whole = false
      @socket.write(head, *pieces)
      whole = true
    rescue SystemCallError, IOError
      whole = true # as far as that is possible
      raise
    ensure
      interrupted unless whole
    end

    # An exception from elsewhere, such as Timeout's, ended a write: what would
    # be sent next could stand in the middle of a message.
    def interrupted
      @broken ||= "sending a message was interrupted; the connection was given up"
      shutdown
    end

    def write_within(bytes, deadline)
      until bytes.empty?
        case (written = @socket.write_nonblock(bytes, exception: false))
        when :wait_writable then return false unless @socket.wait_writable(Clock.left(deadline))
        else bytes = bytes.byteslice(written, bytes.bytesize)
        end
      end
      true
    end

    # ---- receiving

    # Reads ahead into the buffer of the IO object, where IO.select sees it.
    def receive_now(deadline)
      loop do
        check_open
        unless @head
          return nil unless fill(Wire::HEADER_SIZE, deadline)

          read_head
        end
        return nil unless fill(@rest, deadline)

        check_open
        head = @head
        rest = @partial
        @head = nil
        @partial = NOTHING
        return @decoder.decode(*head, rest)
      end
    rescue SystemCallError, IOError => e
      lost(e)
    rescue Error::IllegalMessage => e
      give_up(e)
    end

    # Fills the partial message up to count bytes; false if time is over.
    def fill(count, deadline)
      while (missing = count - @partial.bytesize).positive?
        if missing > READ_SIZE / 8
          piece = @socket.read_nonblock([missing, READ_SIZE].min, exception: false)
        else
          return false unless deadline.nil? || @socket.wait_readable(Clock.left(deadline))

          piece = @socket.eof? ? nil : @socket.readpartial(missing)
        end
        case piece
        when nil then lost(nil)
        when :wait_readable then return false unless @socket.wait_readable(Clock.left(deadline))
        else @partial.empty? ? @partial = piece : @partial << piece
        end
        check_open
      end
      true
    end

    def read_head
      order = Wire::OWN
      word, sender, count, hint, length = @partial.unpack(order.header)
      if word & Wire::MARKER != order.marker
        order = Wire::OTHER
        word, sender, count, hint, length = @partial.unpack(order.header)
        if word & Wire::MARKER != order.marker
          raise Error::IllegalMessage, "message from the daemon with a damaged byte order; the connection was given up"
        end
      end
      type = word & ~Wire::MARKER
      reason = Wire.reject_reason(type, count, length)
      raise Error::IllegalMessage, "#{reason}; the connection was given up" if reason

      @rest = count * Wire::NAME_SIZE + length + (type & Wire::REJECT == 0 ? 0 : 4)
      @head = [order, type, sender, count, hint, length]
      @partial = NOTHING
    end

    # Moves what the socket has to the buffer of the IO object.
    # Returns how much that is.
    def buffered
      available = @socket.read_nonblock(MAX_BUFFERED, exception: false)
      return 0 unless available.is_a?(String)

      @socket.ungetbyte(available)
      available.bytesize
    end

    # ---- ends

    def check_open
      raise Error::IllegalSession if @closed
      raise Error::ConnectionClosed, @broken if @broken
    end

    def lost(cause)
      check_open
      give_up(Error::ConnectionClosed.new(lost_text(cause)))
    end

    def lost_text(cause)
      cause ? "the connection is lost: #{cause.message}" : "the daemon closed the connection; its log may tell why"
    end

    # Ends a connection that cannot be used any more, which every later call tells.
    def give_up(reason)
      @broken ||= reason.message
      shutdown
      raise reason
    end

    # Waits until the daemon has closed the connection; whoever else receives sees
    # that it is closed as soon as something comes.
    def await_end(deadline)
      @receiving.take(deadline) do
        loop do
          case @socket.read_nonblock(READ_SIZE, exception: false)
          when nil then break
          when :wait_readable then break unless @socket.wait_readable(Clock.left(deadline))
          end
        end
        true
      end
    end

    # Wakes those that wait in reads and writes, or in IO.select.
    def shutdown
      @socket.shutdown
    rescue SystemCallError, IOError
      # It has ended already.
    end

    def own? = @process == Process.pid

    def shut
      shutdown if own?
      @socket.close
    rescue SystemCallError, IOError
      # It has ended already.
    end
  end
end
