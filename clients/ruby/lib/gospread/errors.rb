# frozen_string_literal: true

module Gospread
  # What goes wrong between a program and its daemon. Each subclass stands for
  # one code of the protocol (client protocol 8.1), which #code tells.
  class Error < StandardError
    # The code of each subclass, and the text for a message that says no more.
    CODES = {
      IllegalSpread: [-1, "illegal name of a daemon"],
      CouldNotConnect: [-2, "could not connect to the daemon"],
      RejectQuota: [-3, "refused: the daemon has as many clients as it takes"],
      RejectNoName: [-4, "refused: the daemon did not get the private name"],
      RejectIllegalName: [-5, "refused: the private name is not allowed"],
      RejectNotUnique: [-6, "refused: another client of this daemon has the private name"],
      RejectVersion: [-7, "refused: the versions of daemon and library do not fit"],
      ConnectionClosed: [-8, "the connection is lost"],
      RejectAuth: [-9, "refused: authentication failed, or this client may not connect"],
      IllegalSession: [-11, "this side has closed the connection"],
      IllegalService: [-12, "not one of the six services"],
      IllegalMessage: [-13, "the daemon sent something that cannot be right"],
      IllegalGroup: [-14, "illegal name of a group"],
      BufferTooShort: [-15, "buffer too short"],
      GroupsTooShort: [-16, "groups too short"],
      MessageTooLong: [-17, "message too long"],
      NetErrorOnSession: [-18, "the connection broke off before"],
      SpBug: [-19, "internal error"],
      IllegalTime: [-20, "illegal time"]
    }.freeze

    # The code of the protocol, a negative Integer; nil in Error itself.
    def self.code = nil

    CODES.each do |name, (code, text)|
      const_set(name, Class.new(self) do
        define_singleton_method(:code) { code }
        define_method(:initialize) { |message = text| super(message) }
      end)
    end

    # The subclass for a code, Error for one that is not known.
    def self.for(code)
      name, = CODES.find { |_, (number, _)| number == code }
      name ? const_get(name) : self
    end

    def code = self.class.code
    # The name that this has in rb_spread.
    alias error_code code
  end
end
