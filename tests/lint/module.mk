# SPDX-License-Identifier: GPL-2.0-or-later
#
# Static checks of the sources.

DEPS_TEST += clang-format clang-tidy cppcheck git groff-base jq perl shellcheck

LINT := $(BUILD)/lint
C_FILES := $(shell tests/lint/files .c)
MODULES := Makefile $(shell tests/lint/files module.mk)
C_LIST := $(BUILD)/gen/c-files
$(eval $(call stamp,$(C_LIST),C_FILES))

.PHONY: objects
objects: $(call objs,$(C_FILES))

# Made from make's own commands, so that flags of single objects are included.
## make compile_commands.json  for clangd and clang-tidy
compile_commands.json: $(MODULES) $(C_LIST) $(FLAGS) $(PATHS)
	@mkdir -p $(LINT)
	@$(MAKE) V=1 -nB --no-print-directory objects | jq -Rn --arg dir '$(CURDIR)' \
	  -f tests/lint/compile-commands.jq >$(LINT)/$@.new
	@mv $(LINT)/$@.new $@

# A file is checked again when its object has been built again.
TIDY := $(patsubst %.c,$(LINT)/%.tidy,$(C_FILES))
$(LINT)/%.tidy: $(BUILD)/obj/%.o .clang-tidy | compile_commands.json
	@mkdir -p $(@D)
	@clang-tidy -p . --quiet $*.c 2>$@.err || { cat $@.err; exit 1; }
	@rm $@.err; touch $@

.PHONY: lint-tidy lint-cppcheck lint-exports lint-flags lint-man lint-parts \
	lint-scripts lint-text lint-includes
lint-tidy: $(TIDY)

lint-cppcheck: compile_commands.json
	@mkdir -p $(LINT)/cppcheck
	@cppcheck --quiet --project=$< --cppcheck-build-dir=$(LINT)/cppcheck \
	  --enable=warning,performance,portability --error-exitcode=1 \
	  --suppressions-list=tests/lint/suppressions

lint-exports: $(LIBXENPRECOPY) $(LIBXLPRECOPY) $(SAVE_PLUGIN) $(XL)
	@CC='$(CC) $(XP_CFLAGS) $(PUBLIC_INCLUDE) -Itools/libxl' tests/lint/exports $^ -- \
	  $(PUBLIC_HEADERS) $(LIBXL_HEADERS)

lint-parts: compile_commands.json | $(PART_DIRS)
	@CC='$(CC)' tests/lint/parts $(BUILD)/parts $<

# A target that was built is up to date until a flag changes.
lint-flags: $(SAVE_HELPER)
	@$(MAKE) --no-print-directory -q $< || { echo "$< is built each time" >&2; exit 1; }
	@for v in CC=other CFLAGS=-Dother CPPFLAGS=-Dother LDFLAGS=-Dother; do \
	  $(MAKE) --no-print-directory -q $$v $< || [ $$? != 1 ] || continue; \
	  echo "$$v does not rebuild $<" >&2; exit 1; \
	done
	@$(MAKE) --no-print-directory -n V=1 CPPFLAGS=-Dother \
	  $(call objs,tools/libs/guest/conf/load.c) | grep -q DSYSCONFDIR || \
	  { echo "CPPFLAGS takes the place of our own definitions" >&2; exit 1; }

lint-man: $(MAN_PAGES)
	@tests/lint/man $(wildcard docs/man/*.pod) -- $^

lint-scripts lint-text lint-includes: lint-%:
	@tests/lint/$*

## make lint               the sources, checked without running them
LINTS := lint-tidy lint-cppcheck lint-scripts lint-exports lint-flags lint-man \
	lint-text lint-includes lint-parts
.PHONY: lint
lint:
	@$(MAKE) --no-print-directory -k $(if $(filter -j%,$(MAKEFLAGS)),,-j2) \
	  $(LINTS)
# Run before the slower checks.
CHECKS := lint $(CHECKS)

## make format-check       the style of what differs from BASE=main
BASE ?= main
.PHONY: format-check
format-check:
	@git clang-format --diff $(BASE)
