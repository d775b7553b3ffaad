# frozen_string_literal: true

require "open3"
require "rbconfig"
require_relative "helper"

# The examples of README.md.
class ReadmeTest < Minitest::Test
  include Helper

  def setup
    @examples = File.read("#{__dir__}/../README.md").scan(/^```ruby\n(.*?)^```/m).flatten
  end

  def test_ten_lines
    code = @examples.first.sub("4803@localhost", daemon).sub('"alice"', %("#{unique[0, 10]}"))
    output, status = Open3.capture2e(RbConfig.ruby, "-w", "-I#{__dir__}/../lib", "-e", code)
    assert_predicate status, :success?, output
    assert_match(/\Anow: (#\S+)\n\1: hello\n\z/, output)
  end

  def test_reconnecting
    code = @examples[1].sub(/\[.*?\]/, daemon.inspect).sub('"worker"', %("#{unique[0, 10]}"))
    got = nil
    context = Object.new
    context.define_singleton_method(:work) do |data|
      got = data
      throw :done
    end
    sender = Thread.new do
      c = connect
      c.join("jobs")
      nil until await(c, Gospread::View).members.size > 1
      c.multicast("jobs", "job")
    end
    catch(:done) { context.instance_eval(code) }
    sender.join
    assert_equal "job", got
  end
end
