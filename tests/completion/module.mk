# SPDX-License-Identifier: GPL-2.0-or-later
#
# bash's completion of xl.

DEPS_TEST += bash-completion

## make check-completion   bash's completion of xl
.PHONY: check-completion
check-completion: $(XL)
	@tests/completion/run $(XL)

check-unit: check-completion
