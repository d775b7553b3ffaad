# frozen_string_literal: true

require "etc"
require "json"
require "minitest/autorun"
require "socket"
require "tmpdir"
require_relative "../lib/gospread"

# What the tests share.
module Helper
  # Bounds every wait; nothing takes nearly as long.
  PATIENCE = 20

  # Recorded traffic of the original daemons and clients.
  def self.vectors
    path = File.expand_path("../../../testdata/vectors.json", __dir__)
    JSON.parse(File.read(path), symbolize_names: true).each { |v| v[:bytes] = [v[:hex]].pack("H*") }
  end

  # Skips where the runner of the suite has not given something.
  def given(name) = ENV.fetch(name) { skip "#{name} is not set" }
  def daemon = given("SPREAD_TEST_DAEMON")

  # A name that no other test uses.
  def unique = "r#{rand(36**8).to_s(36)}"

  def connect(address = daemon, **options)
    Gospread::Connection.new(address, **options).tap { |c| (@connections ||= []) << c }
  end

  # Plays the daemon to connections: the block gets the number of each, from 0, and its socket, which is
  # closed behind it.
  def fake(&block)
    server = TCPServer.new("127.0.0.1", 0)
    (@servers ||= []) << server
    @threads ||= []
    @threads << Thread.new do
      (0..).each do |i|
        socket = server.accept
        socket.setsockopt(:TCP, :NODELAY, true)
        @threads << Thread.new { play(i, socket, &block) }
      end
    rescue IOError
      # The test is over.
    end
    "#{server.addr[1]}@127.0.0.1"
  end

  def play(number, socket)
    yield number, socket
  rescue SystemCallError
    # The client has gone.
  ensure
    socket.close
  end

  # The daemon's side of the handshake. Returns the hello.
  def accept(socket, version: [5, 0, 1], private_group: "#me#d1")
    hello = socket.readpartial(100)
    socket.write("\x05NULL ")
    socket.read(90)
    socket.write([1, *version, private_group.bytesize, private_group].pack("C5a*"))
    hello
  end

  # Until the client has gone.
  def drain(socket) = socket.read

  # A message as a little-endian daemon sends it.
  def frame(type, sender, groups = [], data = "", hint: 0x80000080)
    [0x80000080 | type, sender, groups.size, hint, data.bytesize, *groups, data].pack("L<a32L<L<L<#{'a32' * groups.size}a*")
  end

  # Receives until an event of a class.
  def await(connection, kind)
    loop do
      event = connection.receive(timeout: PATIENCE) or flunk "no #{kind} came"
      return event if event.instance_of?(kind)
    end
  end

  def teardown
    @connections&.each(&:abort)
    @servers&.each(&:close)
    @threads&.each { |t| t.join(PATIENCE) or flunk "the fake daemon hangs" }
    super
  end
end

# A daemon that can be killed and started again.
class RealDaemon
  attr_reader :address

  def initialize(program)
    @program = program
    @dir = Dir.mktmpdir("spread-ruby-")
    @port = TCPServer.open("127.0.0.1", 0) { |probe| probe.addr[1] }
    @address = "#{@port}@127.0.0.1"
    user = Etc.getpwuid.name
    File.write("#{@dir}/spread.conf", "Spread_Segment 127.0.0.255:#{@port} {\n\td1 127.0.0.1\n}\nDaemonUser = #{user}\n")
    start
  end

  # Returns when it serves.
  def start
    @output = IO.popen([@program, "-n", "d1", "-c", "#{@dir}/spread.conf", { chdir: @dir, err: %i[child out] }])
    said = +""
    until said.include?("Membership id is")
      line = @output.gets or raise "the daemon ended: #{said}"
      said << line
    end
  end

  def kill
    Process.kill(:KILL, @output.pid)
    @output.close
  end

  def remove
    kill
    FileUtils.rm_r(@dir)
    FileUtils.rm_f("/tmp/#{@port}")
  end
end
