# SPDX-License-Identifier: GPL-2.0-or-later
#
# The lab: real Xen in an emulator, running the scenarios of
# tests/lab/scenarios. tests/lab/README.md describes it.

DEPS_TEST += apt binutils coreutils cpio diffutils dpkg findutils gzip jq kmod \
	libc6-dev libxen-dev mmdebstrap qemu-system-x86 sed tar util-linux xz-utils zstd

CHECKS += check-lab

LAB := $(BUILD)/lab

$(LAB)/writer: tests/lab/guest/writer.c tests/lab/guest/burn.h \
		tests/lab/guest/xenbus.h $(FLAGS)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(XP_CFLAGS) -O2 -static -s -o $@ $< -lm

$(LAB)/diskwriter: tests/lab/guest/diskwriter.c tests/lab/guest/disk.h $(FLAGS)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(XP_CFLAGS) -O2 -static -s -o $@ $<

$(LAB)/echo: tests/lab/guest/echo.c $(FLAGS)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(XP_CFLAGS) -O2 -static -s -o $@ $<

$(LAB)/diskcheck: tests/lab/dom0/diskcheck.c tests/lab/guest/disk.h $(FLAGS)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(XP_CFLAGS) -O2 -o $@ $<

$(LAB)/probe: tests/lab/dom0/probe.c $(FLAGS)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(XP_CFLAGS) -O2 -o $@ $<

$(LAB)/domtool: tests/lab/dom0/domtool.c $(FLAGS)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(XP_CFLAGS) -O2 -static -o $@ $< \
	  $$(pkg-config --static --libs xencontrol xenstore)

$(LAB)/await: tests/lab/dom0/await.c $(FLAGS)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(XP_CFLAGS) -O2 -static -o $@ $< \
	  $$(pkg-config --static --libs xenstore)

$(LAB)/gate: tests/lab/dom0/gate.c $(FLAGS)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(XP_CFLAGS) -O2 -o $@ $< -lxenctrl -lxenstore

# A stand-in for XenServer's tools.
$(LAB)/xenguest: tests/lab/standin/xenguest.c $(FLAGS)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(XP_CFLAGS) -O2 -o $@ $< -pthread -lxenguest -lxenctrl \
	  -lxentoollog

$(LAB)/manager: tests/lab/standin/manager.c tests/support/stock_messages.h $(FLAGS)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(XP_CFLAGS) -Itests -O2 -o $@ $< -lxenlight -lxenctrl \
	  -lxenstore -lxentoollog

$(LAB)/cleanlog.so: tests/lab/dom0/cleanlog.c $(FLAGS)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(filter-out -Wmissing-prototypes,$(XP_CFLAGS)) -O2 -shared -o $@ $< -ldl

# What the lab hands to dom0: its own tools, and the project as installed.
.PHONY: lab-build
lab-build: all $(addprefix $(LAB)/,writer diskwriter echo domtool await diskcheck \
		gate probe manager xenguest cleanlog.so)
	@rm -rf $(LAB)/stage
	@$(MAKE) -s install DESTDIR=$(abspath $(LAB)/stage) PREFIX=/usr/local >/dev/null

# XEN=4.20: on that Xen, in a root of the Debian release that has it.
## make lab SCENARIO=name  run lab scenarios (names or paths), results as JSON
.PHONY: lab
lab:
	@test -n "$(SCENARIO)" || { echo "make lab SCENARIO=name; make lab-list names them" >&2; exit 2; }
ifneq ($(filter-out $(XEN_VERSION),$(XEN)),)
	@tests/lab/release $(XEN) $(LAB)/roots lab SCENARIO="$(SCENARIO)"
else
	@$(MAKE) --no-print-directory lab-build >&2
	@BUILD=$(BUILD) XEN_VERSION=$(XEN_VERSION) tests/lab/run $(SCENARIO)
endif

## make lab-list           the lab's scenarios
.PHONY: lab-list
lab-list:
	@for f in tests/lab/scenarios/*; do \
	  printf '%-28s %s\n' "$${f##*/}" "$$(sed -n '1s/^# //p' $$f)"; done

## make check-lab          the scenarios of tests/lab/check.list on real Xen
# LAB_WITH="OPTION..": with these for our xl, and with our receiver.
# EMULATORS=1: one emulator instead of two.
.PHONY: check-lab
check-lab: lab-build
	@BUILD=$(BUILD) XEN_VERSION=$(XEN_VERSION) tests/lab/check tests/lab/check.list

## make check-lab-slow     those of tests/lab/slow.list, which make check leaves out
.PHONY: check-lab-slow
check-lab-slow: lab-build
	@BUILD=$(BUILD) XEN_VERSION=$(XEN_VERSION) tests/lab/check tests/lab/slow.list

## make lab-asan           scenarios with the sanitizers in; SCENARIO=".."
.PHONY: lab-asan
lab-asan:
	@$(MAKE) --no-print-directory $(ASAN) lab-build >&2
	@tests/lab/asan/stage $(BUILD)/asan/lab/stage $(CC)
	@BUILD=$(BUILD)/asan LAB_CACHE=$(LAB)/cache XEN_VERSION=$(XEN_VERSION) \
	  tests/lab/run --lines --json $(BUILD)/asan/lab/results.json \
	  $(or $(SCENARIO),$(shell sed '/^#/d' tests/lab/asan/list))

## make demo-picture       the last demo as docs/demo.svg
.PHONY: demo-picture
demo-picture:
	BUILD=$(BUILD) tests/lab/picture >docs/demo.svg

# Installs what is missing first, so that it works on a fresh machine.
.PHONY: demo
demo:
	@$(MAKE) --no-print-directory deps
	@$(MAKE) --no-print-directory -s lab-build
	@BUILD=$(BUILD) XEN_VERSION=$(XEN_VERSION) tests/lab/demo

## make lab-faults         every fault at every phase; FAULTS=".." PHASES=".." GUEST=hvm
.PHONY: lab-faults
lab-faults: lab-build
	@BUILD=$(BUILD) XEN_VERSION=$(XEN_VERSION) FAULTS="$(FAULTS)" \
	  PHASES="$(PHASES)" GUEST="$(GUEST)" tests/lab/faults/run

## make lab-faults-matrix  the matrix of the cells that were run so far
.PHONY: lab-faults-matrix
lab-faults-matrix:
	@BUILD=$(BUILD) FAULTS="$(FAULTS)" PHASES="$(PHASES)" GUEST="$(GUEST)" \
	  tests/lab/faults/matrix

## make lab-predict        predict 32 real migrations, carry them out, compare
.PHONY: lab-predict
lab-predict: lab-build
	@BUILD=$(BUILD) XEN_VERSION=$(XEN_VERSION) tests/lab/predict/run $(CASES)

## make lab-compare        our policy beside stock's on real migrations; OPTIONS=".."
.PHONY: lab-compare
lab-compare: lab-build
	@BUILD=$(BUILD) XEN_VERSION=$(XEN_VERSION) OPTIONS="$(OPTIONS)" \
	  tests/lab/compare/run $(CASES)

## make lab-slowdown       what log-dirty and precopy slow a guest by, and D(t) during it
.PHONY: lab-slowdown
lab-slowdown: lab-build
	@BUILD=$(BUILD) XEN_VERSION=$(XEN_VERSION) tests/lab/slowdown/run

## make lab-downtime       reported downtimes beside those of Xen's trace
.PHONY: lab-downtime
lab-downtime: lab-build
	@BUILD=$(BUILD) XEN_VERSION=$(XEN_VERSION) tests/lab/downtime/run $(CASES)

## make lab-downtime-felt  the downtimes of PVH and HVM as a client sees them
.PHONY: lab-downtime-felt
lab-downtime-felt: lab-build
	@BUILD=$(BUILD) XEN_VERSION=$(XEN_VERSION) tests/lab/downtime/felt $(CASES)

## make lab-strict         100 switchovers with random delays, under strict
## make lab-soak           200 migrations, which leave nothing behind
.PHONY: lab-strict lab-soak
lab-strict lab-soak: lab-%: lab-build
	@BUILD=$(BUILD) XEN_VERSION=$(XEN_VERSION) tests/lab/series/run $*

## make lab-ways           1 and 4 channels, compressed and not; WAYS=".."
.PHONY: lab-ways
lab-ways: lab-build
	@BUILD=$(BUILD) XEN_VERSION=$(XEN_VERSION) tests/lab/ways/run $(WAYS)

## make lab-two-hosts      migrations from one emulated host to another
.PHONY: lab-two-hosts
lab-two-hosts: lab-build
	@BUILD=$(BUILD) XEN_VERSION=$(XEN_VERSION) tests/lab/twohosts/run $(CASES)

# The machine that the lab boots here; its name in the cache.
.PHONY: lab-image
lab-image: lab-build
	@image=$$(XEN_VERSION=$(XEN_VERSION) tests/lab/image $(LAB)/cache) && \
	  basename "$$image" >$(LAB)/image

## make lab-releases       from this release's Xen to that of XEN=4.20
.PHONY: lab-releases
lab-releases: XEN = 4.20
lab-releases: lab-build
	@tests/lab/release $(XEN) $(LAB)/roots lab-image >&2
	@BUILD=$(BUILD) XEN_VERSION=$(XEN_VERSION) \
	  LAB_OTHER=$$(tests/lab/release $(XEN) $(LAB)/roots --root)/src/build \
	  tests/lab/run --two-hosts --json $(BUILD)/lab/releases.json tests/lab/twohosts/releases
	@jq '.[0] | { verdict, failures }' $(BUILD)/lab/releases.json

# Two libvirtds on one Xen, and on two hosts. XEN=4.20 as for make lab.
## make lab-libvirt        migrations by libvirt, under limits; XEN=4.20
.PHONY: lab-libvirt
lab-libvirt:
ifneq ($(filter-out $(XEN_VERSION),$(XEN)),)
	@tests/lab/release $(XEN) $(LAB)/roots lab-libvirt
else
	@$(MAKE) --no-print-directory lab-build >&2
	@BUILD=$(BUILD) XEN_VERSION=$(XEN_VERSION) tests/lab/run --lines \
	  --json $(BUILD)/lab/libvirt.json libvirt
	@BUILD=$(BUILD) XEN_VERSION=$(XEN_VERSION) tests/lab/run --lines \
	  --two-hosts --json $(BUILD)/lab/libvirt-hosts.json tests/lab/libvirt/hosts
endif

# The packages' files, since the profile knows their paths.
## make lab-apparmor       libvirtd confined by AppArmor's profile; XEN=4.20
.PHONY: lab-apparmor
lab-apparmor:
ifneq ($(filter-out $(XEN_VERSION),$(XEN)),)
	@tests/lab/release $(XEN) $(LAB)/roots lab-apparmor
else
	@DEB_BUILD_OPTIONS=nocheck $(MAKE) --no-print-directory deb >&2
	@$(MAKE) --no-print-directory lab-build >&2
	@rm -rf $(LAB)/stage-deb
	@for p in $(DEB)/$(codename)/*.deb; do \
	  dpkg-deb -x "$$p" $(LAB)/stage-deb || exit; done
	@BUILD=$(BUILD) XEN_VERSION=$(XEN_VERSION) tests/lab/run --lines \
	  --json $(BUILD)/lab/apparmor.json tests/lab/apparmor/libvirt
endif

## make lab-pacemaker      guests leave a host in standby; XEN=4.20
.PHONY: lab-pacemaker
lab-pacemaker:
ifneq ($(filter-out $(XEN_VERSION),$(XEN)),)
	@tests/lab/release $(XEN) $(LAB)/roots lab-pacemaker
else
	@$(MAKE) --no-print-directory lab-build >&2
	@BUILD=$(BUILD) XEN_VERSION=$(XEN_VERSION) tests/lab/run --lines \
	  --two-hosts --json $(BUILD)/lab/pacemaker.json tests/lab/pacemaker/hosts
endif

## make lab-field          tests/field/run between the two hosts
.PHONY: lab-field
lab-field: lab-build
	@BUILD=$(BUILD) XEN_VERSION=$(XEN_VERSION) tests/lab/run --two-hosts \
	  --json $(BUILD)/lab/field.json tests/lab/twohosts/field
	@jq '.[0].steps[0].report' $(BUILD)/lab/field.json | tests/field/table /dev/stdin

## make policy-pictures    two of the last lab-compare's as docs/policy-*.svg
.PHONY: policy-pictures
policy-pictures:
	@BUILD=$(BUILD) tests/lab/compare/picture phased small-hot
