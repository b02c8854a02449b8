# SPDX-License-Identifier: GPL-2.0-or-later
#
# Debian packages, for the release this runs on, or in a root of RELEASE.

DEB := $(BUILD)/deb
DEPS_DEB := build-essential debhelper dpkg-dev gnuplot-nox jq lintian \
	mmdebstrap piuparts
codename := $(shell . /etc/os-release && echo $$VERSION_CODENAME)

.PHONY: deps-deb
deps-deb:
	@tests/install-deps $(sort $(DEPS_BUILD) $(DEPS_DEB))

## make deb                Debian packages, in build/deb/RELEASE; RELEASE=trixie
## make check-deb          lintian, piuparts, and everything that can be installed
.PHONY: deb check-deb
ifneq ($(filter-out $(codename),$(RELEASE)),)
deb check-deb:
	@tests/lab/release --deps=deps-deb $(RELEASE) $(DEB)/roots $@ \
	  SOURCE_DATE_EPOCH=$(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct)) \
	  DEB_BUILD_OPTIONS="$(DEB_BUILD_OPTIONS)"
	@rm -rf $(DEB)/$(RELEASE)
	@cp -r $(DEB)/roots/$(RELEASE)/src/build/deb/$(RELEASE) $(DEB)/
else
deb: deps-deb
	@debian/build $(DEB)/$(codename)

check-deb: deb
	@tests/packaging/base $(DEB)/$(codename) $(DEB)/base.tar
	@lintian --fail-on error,warning $(DEB)/$(codename)/*.changes
	@tests/packaging/check $(DEB)/$(codename) $(DEB)/base.tar
	@tests/packaging/piuparts $(DEB)/$(codename) $(DEB)/base.tar
endif

## make check-deb-releases check-deb in a root of each release, and the upgrade
.PHONY: check-deb-releases
check-deb-releases:
	@for r in bookworm trixie; do \
	  $(MAKE) --no-print-directory check-deb RELEASE=$$r || exit; done
	@base=$$(ls $(DEB)/roots/bookworm/src/build/deb/base.tar $(DEB)/base.tar \
	  2>/dev/null | head -n 1) && \
	  tests/packaging/upgrade $(DEB)/bookworm $(DEB)/trixie $$base trixie
