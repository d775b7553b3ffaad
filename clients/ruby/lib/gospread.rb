# frozen_string_literal: true

require_relative "gospread/version"
require_relative "gospread/errors"
require_relative "gospread/events"
require_relative "gospread/connection"
require_relative "gospread/reconnecting"

# A client of the Spread toolkit for group communication. See Connection.
module Gospread
  # See Connection.open.
  def self.open(...) = Connection.open(...)
end
