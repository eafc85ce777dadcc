# Countersign: everything a contributor runs. `make` alone lists the targets.
# A Debian machine with Go, make and git is enough: `make test` installs the rest and says so.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
CONFIG ?= countersign.yaml
FUZZTIME ?= 30s
TESTFLAGS ?=

LINT_VERSION := v2.15.0
# The version is in the name, so that raising it installs the new one.
LINT := .bin/golangci-lint-$(LINT_VERSION)

# $(call install,PACKAGES,WHY) installs Debian packages, as root or with sudo, after saying so in one line.
# An index that cannot be refreshed is no reason to stop: the one at hand may do.
define install
	echo "installing $(1) with apt-get: $(2)"; \
	command -v apt-get >/dev/null || { echo "no apt-get here: install $(1) by hand" >&2; exit 1; }; \
	as=; \
	if [ "$$(id -u)" != 0 ]; then \
		command -v sudo >/dev/null || { echo "neither root nor sudo: install $(1) by hand" >&2; exit 1; }; \
		as=sudo; \
	fi; \
	$$as apt-get update -q || true; \
	$$as env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $(1)
endef

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: test
# One package at a time: the tests hold the server to answering within a second, which two of them with the race
# detector on would make a matter of luck on a small machine.
test: tools build vet lint web-check peers ## install what is missing, build, vet, lint and run every test with -race
	CGO_ENABLED=1 $(GO) test -race -p 1 -timeout 15m $(TESTFLAGS) ./...

# The tests start redis-server processes of their own on free ports; one that Debian started on 6379 is left alone.
.PHONY: tools
tools:
	@if ! command -v redis-server >/dev/null; then \
		$(call install,redis-server,the tests need a real Redis); \
	fi
	@if ! command -v gcc >/dev/null || ! [ -e /usr/include/stdlib.h ]; then \
		$(call install,gcc libc6-dev,the race detector needs a C compiler); \
	fi

	@if ! command -v chromium >/dev/null; then \
		$(call install,chromium fonts-noto-core,the pages are tested in a real browser); \
	fi
# apache2-bin is the program alone: no service is started, now or when the machine starts.
	@if ! [ -x /usr/sbin/apache2 ] || ! [ -e /usr/lib/apache2/modules/mod_auth_openidc.so ]; then \
		$(call install,apache2-bin libapache2-mod-auth-openidc,a client of the provider that others wrote is tested); \
	fi
	@if ! command -v npm >/dev/null; then \
		$(call install,nodejs npm,the pages are built and unit-tested with Node); \
	fi

# The name of the lock file's digest is in the stamp, so that another lock installs anew.
WEB_STAMP := web/node_modules/.installed-$(shell sha256sum web/package-lock.json | cut -c 1-12)

$(WEB_STAMP):
	cd web && npm ci --no-audit --no-fund --loglevel=error
	touch $@

PEERS_STAMP := test/peers/node_modules/.installed-$(shell sha256sum test/peers/package-lock.json | cut -c 1-12)

$(PEERS_STAMP):
	cd test/peers && npm ci --no-audit --no-fund --loglevel=error
	touch $@

# Clients of OpenID Connect and STOMP that others wrote: the tests run them against the server.
.PHONY: peers
peers: tools $(PEERS_STAMP)

.PHONY: web
web: $(WEB_STAMP) ## build the pages and the browser SDK (the result is committed)
	cd web && node build.mjs

# What is committed must be what its sources make: the server embeds it without Node.
.PHONY: web-check
web-check: tools $(WEB_STAMP) ## type-check, build and unit-test the pages; fail if the committed build differs
	cd web && node_modules/.bin/tsc --noEmit -p .
	cd web && node build.mjs --check
	cd web && node build.mjs --tests && node --test .test/

.PHONY: build
build: ## build the static binary ./countersign
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-X main.version=$(VERSION)" -o countersign ./cmd/countersign

.PHONY: vet
vet:
	$(GO) vet ./...

.PHONY: lint
lint: $(LINT) ## check the format (gofmt) and lint (golangci-lint)
	@unformatted="$$(git ls-files -co --exclude-standard -- '*.go' | while read -r f; do [ ! -e "$$f" ] || gofmt -l "$$f"; done)"; \
	if [ -n "$$unformatted" ]; then printf 'not formatted, run gofmt -w on:\n%s\n' "$$unformatted" >&2; exit 1; fi
	$(LINT) run ./...

$(LINT):
	@echo "building golangci-lint $(LINT_VERSION) into .bin, once; it takes some minutes"
	GOBIN=$(CURDIR)/.bin CGO_ENABLED=0 $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv .bin/golangci-lint $@

.PHONY: dev
dev: ## run the server on the embedded Redis, with one open service
	$(GO) run ./cmd/countersign dev

.PHONY: run
run: ## run the server with CONFIG=countersign.yaml
	$(GO) run ./cmd/countersign serve --config $(CONFIG)

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME=30s
	@for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' "$$package" | grep '^Fuzz' || true); do \
			echo "== $$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package"; \
		done; \
	done

.PHONY: bench
bench: build tools ## measure logins: CPU, latency, memory per waiting browser
	./countersign bench

# Into a file beside it first: a failing run must not leave an empty page.
.PHONY: docs
docs: ## regenerate the generated pages
	$(GO) run ./cmd/countersign config docs > docs/configuration.md.new
	mv docs/configuration.md.new docs/configuration.md
	$(GO) generate ./...

.PHONY: clean
clean: ## remove what was built, the linter too
	rm -rf .bin countersign web/node_modules web/.test test/peers/node_modules
