/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The JSON forms of the public structures, for xpc_to_json() and
 * xpc_from_json().
 */
#ifndef XENPRECOPY_FORMS_H
#define XENPRECOPY_FORMS_H

#include <xenprecopy/cells.h>
#include <xenprecopy/history.h>
#include <xenprecopy/json.h>
#include <xenprecopy/measure.h>
#include <xenprecopy/profile.h>

extern const struct xpc_type xpc_cells_type;
extern const struct xpc_type xpc_history_type;
extern const struct xpc_type xpc_history_totals_type;
extern const struct xpc_type xpc_history_entry_type;
extern const struct xpc_type xpc_measurement_type;
extern const struct xpc_type xpc_profile_type;
extern const struct xpc_type xpc_when_type;

/*
 * Reads len bytes of JSON into h, which must be initialised or zero. Returns
 * 0, or -1 with errno EINVAL (damaged, or another version) or ENOMEM, one line
 * in err and h unchanged.
 */
int xpc_history_from_json(struct xpc_history *h, const char *json, size_t len,
                          char err[XPC_ERR_LEN]);

/*
 * Reads len bytes of JSON of xpc_measurement_type into m, which must be
 * initialised, and completes it (xpc_measurement_complete()). Returns 0, or -1
 * with one line in err and m unchanged.
 */
int xpc_measurement_from_json(struct xpc_measurement *m, const char *json,
                              size_t len, char err[XPC_ERR_LEN]);

/*
 * Reads len bytes of JSON into p, which must be initialised or zero, and checks
 * it. Returns 0, or -1 with errno EINVAL or ENOMEM, one line in err and p
 * unchanged.
 */
int xpc_profile_from_json(struct xpc_profile *p, const char *json, size_t len,
                          char err[XPC_ERR_LEN]);

/*
 * Reads measurements in any of these forms:
 * - measurements, one after the other or in an array, also as answers in a
 *   session with QEMU's monitor;
 * - rates of QEMU, in such a session or from virsh domstats. Two or more at
 *   different calc-times make one measurement per guest. memory_pages is the
 *   memory of a guest whose rates come without it; 0: unknown.
 *
 * Returns 0 with one or more complete measurements in *list_r, which the caller
 * frees with xpc_measurements_free(). Or returns -1 with errno EINVAL or ENOMEM
 * and one line in err, which says what the text is if it is not a measurement.
 */
int xpc_measurements_read(struct xpc_measurement **list_r, size_t *nr_r,
                          const char *text, size_t len,
                          uint64_t memory_pages, char err[XPC_ERR_LEN]);
void xpc_measurements_free(struct xpc_measurement *list, size_t nr);

#endif
