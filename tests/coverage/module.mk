# SPDX-License-Identifier: GPL-2.0-or-later
#
# How much of the code the unit tests run.

# A build of its own that counts which lines run. What a test kills or leaves
# by _exit() is not counted.
COVERED = BUILD=$(BUILD)/coverage LDFLAGS=--coverage CFLAGS="-O0 -g --coverage"

## make coverage           how much of each folder's code the unit tests run
.PHONY: coverage
coverage:
	@tests/install-deps gcovr
	@mkdir -p $(BUILD)/coverage
	@find $(BUILD)/coverage -name '*.gcda' -delete
	@$(MAKE) --no-print-directory $(COVERED) check-unit \
	  >$(BUILD)/coverage.log 2>&1 || { tail $(BUILD)/coverage.log; exit 1; }
	@gcovr --root . --filter tools/ --object-directory $(BUILD)/coverage \
	  --csv $(BUILD)/coverage.csv $(BUILD)/coverage/obj/tools
	@tests/coverage/summary $(BUILD)/coverage.csv
