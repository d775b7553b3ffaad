# frozen_string_literal: true

module Gospread
  # The version of this library.
  VERSION = "1.0.0"
end
