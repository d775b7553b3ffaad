# frozen_string_literal: true

require_relative "lib/gospread/version"

Gem::Specification.new do |spec|
  spec.name = "gospread"
  spec.version = Gospread::VERSION
  spec.summary = "Client of the Spread toolkit for group communication, in pure Ruby"
  spec.description = "Messages to groups in one order for all, views of who is there, connections that are made anew. " \
                     "Speaks the protocol of Spread daemons itself; with the names of rb_spread and spread-client."
  spec.authors = ["The gospread authors"]
  spec.license = "Apache-2.0"
  spec.required_ruby_version = ">= 3.0"
  spec.files = Dir["lib/**/*.rb", "README.md", "LICENSE", "NOTICE", base: __dir__]
  spec.extra_rdoc_files = ["README.md"]
  spec.metadata["rubygems_mfa_required"] = "true"
end
