# SPDX-License-Identifier: GPL-2.0-or-later
#
# What other programs make of our output: Prometheus of the metrics and of the
# dashboard's queries, a browser of the reports. Not part of make check, as a browser takes 300 MB.

DEPS_PAGES := chromium jq python3-prometheus-client
PAGES := $(BUILD)/pages

# Two programs, taken out of their packages: installed, those run servers.
# Debian 12 has promtool in the package of Prometheus.
PROMETHEUS := $(addprefix $(PAGES)/usr/bin/,promtool prometheus-node-exporter)
$(PROMETHEUS) &:
	@tests/install-deps $(DEPS_PAGES)
	@mkdir -p $(PAGES)
	@cd $(PAGES) && get() { \
	  apt-get -o APT::Sandbox::User=root download -qq "$$1"; } && \
	  { get promtool 2>/dev/null || get prometheus; } && \
	  get prometheus-node-exporter
	@for f in $(PAGES)/*.deb; do dpkg-deb --fsys-tarfile $$f | \
	  tar -xC $(PAGES) --wildcards './usr/bin/pro*-node-exporter' \
	    ./usr/bin/promtool 2>/dev/null; rm $$f; done
	@ls $(PROMETHEUS) >/dev/null && touch $(PROMETHEUS)

.PHONY: deps-pages
deps-pages: $(PROMETHEUS)
	@tests/install-deps $(DEPS_PAGES)

## make check-pages        metrics for promtool, and reports in a browser
.PHONY: check-pages
check-pages: deps-pages $(XL)
	@PATH="$(abspath $(PAGES)/usr/bin):$$PATH" tests/pages/metrics $(XL)
	@PATH="$(abspath $(PAGES)/usr/bin):$$PATH" tests/pages/dashboard
	@tests/pages/report $(XL) $(PAGES)/report

## make report-picture     the report of the last demo as docs/report.png
.PHONY: report-picture
report-picture: deps-pages $(XL)
	@BUILD=$(BUILD) tests/pages/picture $(XL)
