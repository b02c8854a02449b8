# SPDX-License-Identifier: LGPL-2.1-or-later
#
# libxenprecopy: the engine (pure functions of what it is told) and what the
# plug-in and the libxl add-on share.

ENGINE_SRCS := $(wildcard tools/libs/guest/xpc_*.c)
ENGINE_LIBS := -lxxhash -lyajl -lm
LIBXENPRECOPY := $(BUILD)/lib/libxenprecopy.so

$(LIBXENPRECOPY): $(call objs,$(ENGINE_SRCS))
	@mkdir -p $(@D)
	$(CC) -shared -Wl,-soname,$(@F).0 $(XP_LDFLAGS) $(LDFLAGS) -o $@.0 $^ $(ENGINE_LIBS)
	ln -sf $(@F).0 $@

all: $(LIBXENPRECOPY)
