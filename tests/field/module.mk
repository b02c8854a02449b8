# SPDX-License-Identifier: GPL-2.0-or-later
#
# Measurements between two hosts of the user's own. docs/field.md describes
# them.

## make field SOURCE=a TARGET=b GUEST=g   measure migrations between your hosts
.PHONY: field field-stage
field: field-stage
	@test -n "$(SOURCE)" -a -n "$(TARGET)" -a -n "$(GUEST)" || { \
	  echo "make field SOURCE=host TARGET=host GUEST=name FIELD_FLAGS=\"..\";" \
	    "tests/field/run --help" >&2; exit 2; }
	@BUILD=$(BUILD) tests/field/run $(FIELD_FLAGS) $(SOURCE) $(TARGET) $(GUEST)

field-stage: all
	@rm -rf $(BUILD)/field
	@$(MAKE) -s install DESTDIR=$(abspath $(BUILD)/field) PREFIX=/usr/local >/dev/null
