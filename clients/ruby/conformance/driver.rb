# frozen_string_literal: true

# The driver of the conformance suite: a JSON object per line on standard input,
# an answer for each on standard output.

require "digest"
require "json"
require_relative "../lib/gospread"

# Names and data as JSON has them, and back.
module Text
  module_function

  # Bytes 0x80.. as \u0080..\u00ff.
  def name(bytes) = bytes.dup.force_encoding(Encoding::ISO_8859_1).encode(Encoding::UTF_8)
  def bytes(name) = name.encode(Encoding::ISO_8859_1).b
  def data(bytes) = [bytes].pack("m0")
end

# Carries out one operation after the other.
class Driver
  FEATURES = %w[unix poll threads any_group unix_path name_free auth].freeze

  def initialize
    @connections = {}
  end

  def run(input, output)
    output.sync = true
    input.each_line do |line|
      request = JSON.parse(line, symbolize_names: true)
      output.puts JSON.generate(answer(request))
      break if request[:op] == "exit"
    end
  end

  private

  def answer(request)
    op = "op_#{request[:op]}"
    return { ok: false, error: "unsupported", reason: "the library has no #{request[:op]}" } unless respond_to?(op, true)

    { ok: true }.merge(send(op, request))
  rescue Gospread::Error => e
    { ok: false, error: e.code, text: e.message }
  rescue StandardError => e
    { ok: false, error: "internal", text: e.full_message(highlight: false) }
  end

  def connection(request) = @connections[request[:c]] || raise(Gospread::Error::IllegalSession, "no connection #{request[:c]}")
  def timeout(request) = request[:timeout_ms] && request[:timeout_ms] / 1000.0

  def op_hello(_) = { language: "ruby", client: Gospread::VERSION, features: FEATURES }
  def op_exit(_) = {}

  def op_connect(request)
    c = Gospread::Connection.new(request[:daemon] && Text.bytes(request[:daemon]),
                                 name: request[:name] && Text.bytes(request[:name]),
                                 membership: request.fetch(:membership, true), priority: request[:priority],
                                 timeout: timeout(request) || 30, **auth(request))
    @connections[request[:c]] = c
    { private_group: Text.name(c.private_group), daemon_version: c.daemon_version }
  end

  def auth(request) = request[:auth] ? { auth: Array(request[:auth]).to_h { |method| [method, nil] } } : {}

  def op_join(request)
    connection(request).join(Text.bytes(request[:group]))
    {}
  end

  def op_leave(request)
    connection(request).leave(Text.bytes(request[:group]))
    {}
  end

  def op_multicast(request)
    groups = request[:groups].map { |g| Text.bytes(g) }
    data = (request[:data_b64] || "").unpack1("m")
    sent = 0
    (request[:repeat] || 1).times do
      sent += connection(request).multicast(groups, data, service: request[:service]&.to_sym,
                                            type: request[:type] || 0, self_discard: request[:self_discard])
    end
    { sent: sent }
  end

  def op_receive(request)
    event = connection(request).receive(timeout: timeout(request))
    event ? { message: describe(event) } : { ok: false, error: "timeout" }
  end

  def op_drain(request)
    deadline = timeout(request) && now + timeout(request)
    digest = Digest::SHA256.new
    count = bytes = 0
    began = nil
    while count < request[:count]
      message = connection(request).receive(timeout: deadline && [deadline - now, 0].max) or break
      next unless message.message?

      began ||= now
      digest << message.sender << "\0" << message.data
      bytes += message.data.bytesize
      count += 1
    end
    { ok: count == request[:count], count: count, bytes: bytes, seconds: now - (began || now), digest: digest.hexdigest,
      **(count == request[:count] ? {} : { error: "timeout" }) }
  end

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

  def op_poll(request) = { bytes: connection(request).pending }

  def op_disconnect(request)
    connection(request).close
    {}
  end

  def op_close_wakes(request)
    c = connection(request)
    receiver = Thread.new do
      c.receive while true
    rescue Gospread::Error => e
      e.code
    end
    Thread.pass until receiver.stop?
    c.close
    { woken: receiver.value }
  end

  def op_abort(request)
    connection(request).abort
    {}
  end

  # The library reads only when it is told to receive.
  def op_stall(_) = {}
  alias op_resume op_stall

  def describe(event)
    case event
    when Gospread::Rejected then regular(event).merge(kind: "reject", request: event.request, old_type: event.service_type)
    when Gospread::Message then regular(event)
    when Gospread::View then view(event)
    when Gospread::Transition then { kind: "transition", group: Text.name(event.group), id: event.id.to_a }
    when Gospread::SelfLeave then { kind: "self_leave", group: Text.name(event.group) }
    end
  end

  def regular(event)
    { kind: "regular", service: event.service, sender: Text.name(event.sender), groups: names(event.groups), type: event.type,
      data_b64: Text.data(event.data), endian_mismatch: event.endian_mismatch?, self_discard: event.self_discard? }
  end

  def view(event)
    changed = event.changed ? { changed: Text.name(event.changed) } : {}
    { kind: "membership", group: Text.name(event.group), cause: event.cause, members: names(event.members), id: event.id.to_a,
      sets: event.sets.map { |set| names(set) }, own_set: event.own_set_index, **changed }
  end

  def names(list) = list.map { |n| Text.name(n) }
end

Driver.new.run($stdin, $stdout)
