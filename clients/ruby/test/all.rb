# frozen_string_literal: true

# Runs all tests. What needs a daemon is skipped where there is none: see helper.rb.
Dir["#{__dir__}/*_test.rb"].each { |file| require file }
