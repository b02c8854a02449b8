/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "channels/handover.h"

const char *channel_handover_env(void)
{
    const char *env = getenv(CHANNEL_HANDOVER_ENV);

    return env && *env ? env : NULL;
}
