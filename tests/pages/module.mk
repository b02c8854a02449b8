# SPDX-License-Identifier: GPL-2.0-or-later
#
# What other programs make of our output: Prometheus of the metrics, a browser
# of the reports. Not part of make check, as a browser takes 300 MB.

DEPS_PAGES := chromium jq python3-prometheus-client
PAGES := $(BUILD)/pages

# promtool, taken out of its package: installed, that would run a server.
PROMTOOL := $(PAGES)/usr/bin/promtool
$(PROMTOOL):
	@tests/install-deps $(DEPS_PAGES)
	@mkdir -p $(PAGES)
	@cd $(PAGES) && apt-get -o APT::Sandbox::User=root \
	  download -qq prometheus
	@dpkg-deb --fsys-tarfile $(PAGES)/prometheus_*.deb | \
	  tar -xC $(PAGES) ./usr/bin/promtool
	@rm $(PAGES)/prometheus_*.deb
	@touch $@

.PHONY: deps-pages
deps-pages: $(PROMTOOL)
	@tests/install-deps $(DEPS_PAGES)

## make check-pages        metrics for promtool, and reports in a browser
.PHONY: check-pages
check-pages: deps-pages $(XL)
	@PATH="$(abspath $(dir $(PROMTOOL))):$$PATH" tests/pages/metrics $(XL)
	@tests/pages/report $(XL) $(PAGES)/report
