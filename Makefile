# GNU make. Everything can be set on the command line: make install PREFIX=/usr
GO         ?= go
PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
SBINDIR    ?= $(PREFIX)/sbin
SHAREDIR   ?= $(PREFIX)/share
MANDIR     ?= $(SHAREDIR)/man
BASHDIR    ?= $(SHAREDIR)/bash-completion/completions
ZSHDIR     ?= $(SHAREDIR)/zsh/site-functions
FISHDIR    ?= $(SHAREDIR)/fish/vendor_completions.d
SYSCONFDIR ?= $(PREFIX)/etc
BIN        ?= bin
DIST       ?= dist
VERSION    ?= $(or $(shell git describe --tags --always --dirty 2>/dev/null),unknown)

# What operators run, as against users.
DAEMONS := $(filter $(notdir $(wildcard cmd/*)),spread spmonitor)
TOOLS   := $(filter-out $(DAEMONS),$(notdir $(wildcard cmd/*)))

# With STRIP set, programs have no symbols.
LDFLAGS = $(if $(STRIP),-s -w) -X gospread/spread/internal/cliargs.version=$(VERSION) -X gospread/spread/internal/conf.sysconfdir=$(SYSCONFDIR)

.PHONY: build run test lint cross bench fuzz man completions packages install clean help

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

man: ## make the manual pages, of docs, in BIN/man
	cd tools/release && GOWORK=off GOOS= GOARCH= $(GO) run ./mkman '$(CURDIR)' '$(VERSION)' '$(abspath $(BIN))/man'

completions: ## make the completions for bash, zsh and fish, of docs, in BIN/completions
	cd tools/release && GOWORK=off GOOS= GOARCH= $(GO) run ./mkcompletion '$(CURDIR)' '$(abspath $(BIN))/completions'

packages: ## build the packages (deb, rpm; amd64, arm64) in DIST (default dist)
	scripts/package.sh '$(VERSION)' '$(DIST)'

install: build ## install into PREFIX (default /usr/local), below DESTDIR if set; man pages and completions if they were made
	install -d '$(DESTDIR)$(SBINDIR)' '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(SYSCONFDIR)'
	install -m 755 $(DAEMONS:%='$(BIN)/%') '$(DESTDIR)$(SBINDIR)'
	install -m 755 $(TOOLS:%='$(BIN)/%') '$(DESTDIR)$(BINDIR)'
	ln -sf spmonitor '$(DESTDIR)$(SBINDIR)/sptmonitor'
	test -e '$(DESTDIR)$(SYSCONFDIR)/spread.conf' || \
		install -m 644 docs/sample.spread.conf '$(DESTDIR)$(SYSCONFDIR)/spread.conf'
	install -d '$(DESTDIR)$(PREFIX)/lib/systemd/system' '$(DESTDIR)$(PREFIX)/lib/sysusers.d' '$(DESTDIR)$(PREFIX)/lib/tmpfiles.d' \
		'$(DESTDIR)$(PREFIX)/lib/sysctl.d'
	sed -e 's|/usr/sbin/spread|$(SBINDIR)/spread|; s|/etc/spread|$(SYSCONFDIR)|' packaging/systemd/spread.service \
		>'$(DESTDIR)$(PREFIX)/lib/systemd/system/spread.service'
	install -m 644 packaging/systemd/sysusers.conf '$(DESTDIR)$(PREFIX)/lib/sysusers.d/gospread.conf'
	install -m 644 packaging/systemd/tmpfiles.conf '$(DESTDIR)$(PREFIX)/lib/tmpfiles.d/gospread.conf'
	install -m 644 packaging/systemd/sysctl.conf '$(DESTDIR)$(PREFIX)/lib/sysctl.d/10-gospread.conf'
	if [ -d '$(BIN)/man' ]; then install -d '$(DESTDIR)$(MANDIR)' && cp -R '$(BIN)/man/.' '$(DESTDIR)$(MANDIR)'; fi
	if [ -d '$(BIN)/completions' ]; then \
		install -d '$(DESTDIR)$(BASHDIR)' '$(DESTDIR)$(ZSHDIR)' '$(DESTDIR)$(FISHDIR)' && \
		cp -R '$(BIN)/completions/bash/.' '$(DESTDIR)$(BASHDIR)' && \
		cp -R '$(BIN)/completions/zsh/.' '$(DESTDIR)$(ZSHDIR)' && \
		cp -R '$(BIN)/completions/fish/.' '$(DESTDIR)$(FISHDIR)'; fi

clean: ## remove what was built
	rm -f $(DAEMONS:%='$(BIN)/%') $(TOOLS:%='$(BIN)/%')
	rm -rf '$(BIN)/man' '$(BIN)/completions'

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile
