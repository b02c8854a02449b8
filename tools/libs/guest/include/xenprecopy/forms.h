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

extern const struct xpc_type xpc_cells_type;
extern const struct xpc_type xpc_history_type;
extern const struct xpc_type xpc_history_entry_type;
extern const struct xpc_type xpc_measurement_type;

/*
 * Reads len bytes of JSON into h, which must be initialised or zero. Returns
 * 0, or -1 with errno EINVAL (damaged, or of another version) or ENOMEM and
 * one line in err; h is then unchanged.
 */
int xpc_history_from_json(struct xpc_history *h, const char *json, size_t len,
                          char err[XPC_ERR_LEN]);

/*
 * Reads len bytes of JSON in that form and completes the measurement. m
 * must be initialised. Returns 0, or -1 with one line in err and m unchanged.
 */
int xpc_measurement_from_json(struct xpc_measurement *m, const char *json,
                              size_t len, char err[XPC_ERR_LEN]);

/*
 * Reads what people have: any number of measurements, one after the other or in
 * an array, also as answers in a session with QEMU's monitor; and rates of
 * QEMU's, in such a session or of virsh domstats, of which two or more at
 * different calc-times make one measurement a guest. memory_pages is the memory
 * of a guest whose rates don't come with it; 0: not known.
 *
 * Returns 0 with at least one measurement, complete, in *list_r, which
 * xpc_measurements_free() frees; or -1 with errno EINVAL or ENOMEM and one line
 * in err, which says what the text is if it is no measurement.
 */
int xpc_measurements_read(struct xpc_measurement **list_r, size_t *nr_r,
                          const char *text, size_t len,
                          uint64_t memory_pages, char err[XPC_ERR_LEN]);
void xpc_measurements_free(struct xpc_measurement *list, size_t nr);

#endif
