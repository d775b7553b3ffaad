# frozen_string_literal: true

require "socket"
require_relative "errors"

module Gospread
  # Where a daemon is, and how to get there (client protocol 1.4).
  class Address # :nodoc:
    DEFAULT = "4803"
    MAX_LENGTH = 70
    # Where daemons have their Unix sockets. A service has it in the first, where
    # not everybody can make one.
    SOCKET_DIRS = ["/run/spread", "/tmp"].freeze

    attr_reader :port, :host, :path

    def self.parse(text)
      text = text.to_s
      return new(path: text.delete_prefix("unix:")) if text.start_with?("unix:/")

      text = DEFAULT if text.empty?
      if text.bytesize > MAX_LENGTH
        raise Error::IllegalSpread, "name of a daemon of #{text.bytesize} bytes, must be at most #{MAX_LENGTH}"
      end

      number, rest = text.b.match(/\A\s*([+-]?\d+)\s*(\S*)/n)&.captures
      hint = "write PORT or PORT@HOST, such as 4803@localhost"
      raise Error::IllegalSpread, "name of a daemon #{text.inspect} does not begin with a port; #{hint}" unless number

      port = number.to_i % 65_536
      return new(port: port) if rest.empty?

      host = rest[/\A@\[?(.+?)\]?\z/m, 1]
      raise Error::IllegalSpread, "name of a daemon #{text.inspect} has #{rest.inspect} behind the port; #{hint}" unless host

      new(port: port, host: host)
    end

    def initialize(port: nil, host: nil, path: nil)
      @port = port
      @host = host
      @path = path
    end

    # A connected socket. deadline is a time of the monotonic clock, or nil.
    def connect(deadline)
      return unix(@path) if @path
      return tcp(@host, deadline) if @host

      local(deadline)
    rescue SystemCallError, IOError, ArgumentError => e
      raise Error::CouldNotConnect, "no connection to the daemon at #{self}: #{e.message}; is it running there, and is this its port?"
    end

    def to_s = @path || (@host ? "#{@host}:#{@port}" : "port #{@port} of this machine")

    private

    def local(deadline)
      failed = []
      SOCKET_DIRS.each do |dir|
        return unix("#{dir}/#{@port}")
      rescue SystemCallError => e
        failed << e.message
      end
      begin
        tcp("localhost", deadline)
      rescue SystemCallError => e
        raise Error::CouldNotConnect,
              "no daemon with port #{@port} answers on this machine: #{[*failed, e.message].join('; ')}; is it running?"
      end
    end

    # Some systems have none.
    def unix(path) = defined?(UNIXSocket) ? UNIXSocket.new(path) : raise(Errno::EAFNOSUPPORT, path)

    # Tries each address of the host.
    def tcp(host, deadline)
      failure = nil
      resolve(host).each do |address|
        socket = address.connect(timeout: Clock.left(deadline))
        socket.setsockopt(:TCP, :NODELAY, true)
        socket.setsockopt(:SOCKET, :KEEPALIVE, true)
        return socket
      rescue SystemCallError => e
        failure = e
        raise timed_out if Clock.over?(deadline)
      end
      raise failure
    end

    def timed_out = Error::ConnectionClosed.new("no answer from the daemon at #{self} in time")

    def resolve(host)
      Addrinfo.getaddrinfo(host, @port, nil, :STREAM)
    rescue SocketError => e
      raise Error::IllegalSpread, "the host of the daemon #{host.inspect} is not known: #{e.message}"
    end
  end

  # Times that waiting ends, by the monotonic clock.
  module Clock # :nodoc:
    module_function

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    # seconds nil: no end.
    def deadline(seconds) = seconds && now + seconds
    # The seconds until then, 0 if it has passed; nil for no end.
    def left(deadline) = deadline && [deadline - now, 0].max
    def over?(deadline) = !deadline.nil? && now >= deadline
  end
end
