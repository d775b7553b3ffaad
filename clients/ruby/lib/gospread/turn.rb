# frozen_string_literal: true

require_relative "address"

module Gospread
  # A mutex that can be waited for with a limit.
  class Turn # :nodoc:
    def initialize
      @lock = Mutex.new
      @free = ConditionVariable.new
      @taken = false
    end

    # Yields when it is this thread's turn, and returns what the block does; false
    # if that was not before the deadline.
    def take(deadline = nil)
      @lock.synchronize do
        while @taken
          return false if Clock.over?(deadline)

          @free.wait(@lock, Clock.left(deadline))
        end
        @taken = true
      end
      begin
        yield
      ensure
        @lock.synchronize do
          @taken = false
          @free.signal
        end
      end
    end
  end
end
