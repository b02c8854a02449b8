# SPDX-License-Identifier: LGPL-2.1-or-later
#
# xen-precopy: a live-migration policy for an unmodified Xen.
#
#   make          build into build/
#   make check    install what is needed, build, run every test (lab included)
#   make demo     migrate a real guest under a downtime limit, show the report
#   make help     the other targets; make V=1 shows the commands
#
# One makefile for the whole tree; every part adds itself in its own
# module.mk, so that dependencies are seen across folders.

VERSION := 0.1.0
# The version of Xen whose libraries are linked.
XEN_ABI := $(or $(shell pkg-config --modversion xenlight 2>/dev/null | \
	sed 's/^\([0-9]*\.[0-9]*\).*/\1/'),4.17)
# The version of Xen whose stock tools are used if the running Xen's is not
# known, and which the lab boots.
XEN_VERSION ?= $(XEN_ABI)
PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build

bindir := $(PREFIX)/bin
# Where xl is installed. A package can't have it in PATH, beside Xen's own.
xldir := $(bindir)
sbindir := $(PREFIX)/sbin
libdir := $(PREFIX)/lib
libexecdir := $(PREFIX)/libexec/xen-precopy/bin
includedir := $(PREFIX)/include
mandir := $(PREFIX)/share/man
# Whatever the prefix: Xen's own configuration is there, too.
sysconfdir := /etc

# make presets CC, so that ?= would have no effect.
ifeq ($(origin CC),default)
CC := gcc
endif
CFLAGS ?= -O2 -g
# What the sources need whatever the user puts in CFLAGS.
XP_CFLAGS := -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wpointer-arith -Werror=implicit-function-declaration \
	-fPIC -pthread
# The public headers, <xenprecopy/...>: every part may include them.
PUBLIC_INCLUDE := -Itools/libs/guest/include
XP_LDFLAGS := -pthread -Wl,-z,defs
# Our libraries are found relative to what uses them, so that what is built runs
# where it is, and an installation can be moved. RPATH= is for packages, whose
# libraries ld.so finds.
RPATH ?= yes
rpath = $(if $(RPATH),'-Wl$(,)-rpath$(,)$$ORIGIN$(1)')

DEPS_BUILD := gcc make pkgconf libc6-dev libxen-dev libinih-dev liblz4-dev libxxhash-dev \
	libzstd-dev libyajl-dev libcmocka-dev perl
DEPS_TEST :=
# More check- targets, in the order in which the modules name them.
CHECKS :=

## make install            install into PREFIX=/usr/local, under DESTDIR
.PHONY: all install
all:
install:

.SUFFIXES:
.SECONDARY:
.DELETE_ON_ERROR:

, := ,
# $(call say,WHAT,FILE): in front of a command, shows that instead of the
# command itself. make V=1 shows the commands.
silent := $(findstring s,$(firstword -$(MAKEFLAGS)))
say = $(if $(V),,@$(if $(silent),,printf '  %-6s%s\n' $(1) $(2);))

# $(call objs,sources): the objects of some sources.
objs = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

# $(eval $(call stamp,file,VARIABLE)): a file with the variable's value, which
# is written again when that has changed. What depends on the file is then
# rebuilt.
define stamp
ifneq ($$(strip $$(file <$(1))),$$(strip $$($(2))))
$(1): FORCE
endif
$(1):
	@mkdir -p $$(@D)
	@printf '%s\n' '$$(subst ','\'',$$($(2)))' >$$@
endef
.PHONY: FORCE

# What every object is compiled with. LDFLAGS is in it, because what is linked
# is made of objects. The values are those given to make, without what a
# module adds for one object.
FLAGS := $(BUILD)/gen/flags
FLAGS_TEXT := $(CC) $(XP_CFLAGS) $(CFLAGS) $(CPPFLAGS) $(XP_LDFLAGS) $(LDFLAGS) $(RPATH)
$(eval $(call stamp,$(FLAGS),FLAGS_TEXT))

# The paths and versions that some objects and files contain.
PATHS := $(BUILD)/gen/paths
PATHS_TEXT := $(PREFIX) $(sysconfdir) $(libdir) $(libexecdir) $(xldir) $(XEN_ABI) $(XEN_VERSION) $(VERSION)
$(eval $(call stamp,$(PATHS),PATHS_TEXT))

# $(eval $(call part,NAME,FOLDER,PARTS,OPTIONS)): the sources under FOLDER may
# include the headers of PARTS, as "PART/header.h", besides the public ones, and
# no others of ours: with anything else they do not compile. OPTIONS are added.
define part
$(BUILD)/obj/$(2)/%.o: INCLUDES = $(4) -I$(BUILD)/parts/$(1)
$(BUILD)/parts/$(1): Makefile $(filter-out Makefile,$(MAKEFILE_LIST))
	@rm -rf $$@ && mkdir -p $$@
	@ln -s $(addprefix $(abspath tools/libs/guest)/,$(3)) $$@/
PART_DIRS += $(BUILD)/parts/$(1)
endef

include tools/libs/guest/module.mk
include $(wildcard $(addprefix tools/,$(addsuffix /module.mk,libxl xl libvirt \
	enable ocf)))
include $(wildcard tests/*/module.mk docs/module.mk debian/module.mk)

# Tests and benchmarks may include everything.
ALL_INCLUDES := -Itools/libs/guest -Itools/libxl -Itools/xl -Itests
INCLUDES = $(ALL_INCLUDES)
COMPILE = $(CC) $(XP_CFLAGS) $(PUBLIC_INCLUDE) $(INCLUDES) $(DEFINES) $(CFLAGS) $(CPPFLAGS)

$(BUILD)/obj/%.o: %.c $(FLAGS) | $(PART_DIRS)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(COMPILE) -MMD -MP -c -o $@ $<

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

## make deps               install what building and testing need (Debian)
.PHONY: deps
deps:
	@tests/install-deps $(sort $(DEPS_BUILD) $(DEPS_TEST))

# As many jobs as there are processors, unless make was given a number. What
# fails does not keep the rest from being tried.
PARALLEL = --no-print-directory -k -Otarget \
	$(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

# All objects first: the makes of the checks must not build the same one at the
# same time. The lab comes last: its emulators need the machine for themselves,
# which making their image, mostly downloading, does not.
.PHONY: check
check:
	@mkdir -p $(BUILD); date +%s >$(BUILD)/check-begun
	@$(MAKE) --no-print-directory deps
	@$(MAKE) $(PARALLEL) all objects
	@$(MAKE) $(PARALLEL) check-unit
	@$(MAKE) $(PARALLEL) check-asan
	@$(MAKE) $(PARALLEL) $(filter-out check-lab,$(CHECKS)) lab-image
	@$(MAKE) --no-print-directory $(filter check-lab,$(CHECKS))
	@echo "make check: passed in $$(($$(date +%s) - $$(cat $(BUILD)/check-begun))) s"

## make check-all          check, all scenarios and all matrices; for a night
CHECKS_ALL := check-tsan check-pages check-pacemaker check-lab-slow lab-faults lab-ways lab-strict \
	lab-soak lab-predict lab-compare lab-downtime lab-downtime-felt \
	lab-two-hosts lab-releases lab-libvirt lab-apparmor lab-pacemaker lab-field \
	check-deb-releases
.PHONY: check-all
check-all: check
	@failed=; for t in $(CHECKS_ALL); do \
	  $(MAKE) --no-print-directory $$t || failed="$$failed $$t"; done; \
	test -z "$$failed" || { echo "failed:$$failed" >&2; exit 1; }

# A build of its own with the sanitizers: $(MAKE) $(ASAN) TARGET
ASAN = BUILD=$(BUILD)/asan LDFLAGS="-fsanitize=address,undefined" \
	CFLAGS="-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined"

## make check-asan         the unit tests with the sanitizers
.PHONY: check-asan
check-asan:
	$(MAKE) $(ASAN) check-unit

## make clean              remove build/
.PHONY: clean
clean:
	rm -rf $(BUILD)

# make -s print-VARIABLE: its value, for scripts.
print-%:
	@echo '$($*)'

.PHONY: help
help:
	@sed -n 's/^#   make/make/p' Makefile
	@sed -n 's/^## make/make/p' Makefile $(wildcard t*/*/module.mk t*/*/*/module.mk docs/module.mk debian/module.mk)
