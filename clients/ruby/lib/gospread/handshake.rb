# frozen_string_literal: true

require "io/wait"
require_relative "address"
require_relative "wire"

module Gospread
  # The client's side of client protocol 2.
  class Handshake # :nodoc:
    # What the daemon said when it accepted.
    Accept = Struct.new(:version, :private_group)
    # A daemon has reason to refuse with these.
    REFUSALS = (-9..-3).freeze

    def initialize(socket, deadline)
      @socket = socket
      @deadline = deadline
    end

    # auth: pairs of the name of a method and a callable that gets the socket, or nil.
    def run(name, membership:, priority:, auth:)
      # A daemon that refuses at once may have closed by now; its reason is worth
      # more than the failure to write.
      write(Wire.hello(name, membership: membership, priority: priority))
      choose(auth, offered(name))
      status = byte
      refused(status, name) unless status == 1
      accept(priority)
    rescue SystemCallError, IOError => e
      raise Error::ConnectionClosed, "the daemon broke off the handshake: #{e.message}; its log may tell why"
    end

    private

    def offered(name)
      length = byte
      refused(length, name) if length.negative?
      bytes(length).split(" ")
    end

    def choose(auth, offered)
      missing = auth.map(&:first) - offered
      unless missing.empty?
        raise Error::RejectAuth, "the daemon does not offer authentication method #{missing.first.inspect}, only #{offered.join(' ')}"
      end

      write(Wire.choice(auth.map(&:first)))
      auth.each do |method, run|
        next if run.nil? || run.call(@socket)

        raise Error::RejectAuth, "authentication method #{method.inspect} failed"
      end
    end

    def accept(priority)
      version = Array.new(3) { byte }
      if version.any?(&:negative?) || version[0] < 3 || (priority && (version <=> [3, 8, 0]).negative?)
        raise Error::RejectVersion, "the daemon is of version #{version.join('.')}, which is too old"
      end

      length = byte
      raise Error::ConnectionClosed, nonsense unless (1..Wire::MAX_NAME).cover?(length)

      Accept.new(version.freeze, bytes(length).freeze)
    end

    def refused(status, name)
      raise Error::ConnectionClosed, nonsense unless REFUSALS.cover?(status)

      kind = Error.for(status)
      raise kind unless kind == Error::RejectNotUnique

      raise kind, "refused: another client of this daemon has the private name #{name.inspect}; choose another, or none to be given one"
    end

    def nonsense = "the daemon's answer makes no sense; is it a Spread daemon?"

    def write(bytes)
      @socket.write(bytes)
    rescue SystemCallError
      # What can be read tells why.
    end

    def byte = bytes(1).unpack1("c")

    # The next bytes, in whatever pieces they come, and none of what stands behind them.
    def bytes(count)
      got = String.new(encoding: Encoding::BINARY)
      while got.bytesize < count
        piece = @socket.read_nonblock(count - got.bytesize, exception: false)
        case piece
        when :wait_readable
          @socket.wait_readable(Clock.left(@deadline)) or
            raise Error::ConnectionClosed, "the daemon did not answer in time"
        when nil then raise Error::ConnectionClosed, "the daemon broke off the handshake; its log may tell why"
        else got << piece
        end
      end
      got
    end
  end
end
