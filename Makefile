# GNU make. Everything can be set on the command line: make install PREFIX=/usr
GO         ?= go
PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
SBINDIR    ?= $(PREFIX)/sbin
SYSCONFDIR ?= $(PREFIX)/etc
BIN        ?= bin
VERSION    ?= $(or $(shell git describe --tags --always --dirty 2>/dev/null),unknown)

# The daemons; spmonitor as soon as there is one.
DAEMONS := $(filter $(notdir $(wildcard cmd/*)),spread spmonitor)
TOOLS   := $(filter-out $(DAEMONS),$(notdir $(wildcard cmd/*)))

LDFLAGS = -X gospread/spread/internal/cliargs.version=$(VERSION) -X gospread/spread/internal/conf.sysconfdir=$(SYSCONFDIR)

.PHONY: build run test lint cross bench fuzz install clean help

build: ## build all programs into BIN (default bin)
	$(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o '$(BIN)/' ./cmd/...

run: build ## build and start a daemon: with spread.conf if there is one, else for this machine alone
	'$(BIN)/spread'

test: ## run all checks and tests; installs what they need (as root)
	scripts/test.sh

lint: ## run the static analysis
	scripts/lint.sh

cross: ## compile for the other supported systems
	scripts/cross.sh

bench: ## run the benchmarks: hot paths, then daemon and flooder as a whole
	scripts/bench.sh

fuzz: ## fuzz every target for FUZZTIME each (default 1m)
	scripts/fuzz.sh

install: build ## install into PREFIX (default /usr/local), below DESTDIR if set
	install -d '$(DESTDIR)$(SBINDIR)' '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(SYSCONFDIR)'
	install -m 755 $(DAEMONS:%='$(BIN)/%') '$(DESTDIR)$(SBINDIR)'
	install -m 755 $(TOOLS:%='$(BIN)/%') '$(DESTDIR)$(BINDIR)'
	test -e '$(DESTDIR)$(SYSCONFDIR)/spread.conf' || \
		install -m 644 docs/sample.spread.conf '$(DESTDIR)$(SYSCONFDIR)/spread.conf'

clean: ## remove what was built
	rm -f $(DAEMONS:%='$(BIN)/%') $(TOOLS:%='$(BIN)/%')

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile
