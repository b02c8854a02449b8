/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The profiles of domains (xenprecopy/profile.h): one file for each, in the
 * folder "profiles" of the directory of the history, or a file of the caller's.
 * dir and err are as in libxl_precopy_history.h. Xen is not needed.
 *
 * A file has at most 24 hours and is replaced as a whole. Writers wait for each
 * other, so that two may add to the same profile; they lock ".lock" beside it.
 */
#ifndef LIBXL_PRECOPY_PROFILES_H
#define LIBXL_PRECOPY_PROFILES_H

#include <libxl_precopy.h>

#include <xenprecopy/profile.h>

/*
 * Adds a measurement that was made in this hour of the day (0 to 23) to the
 * profile of a domain. phased: as for xpc_profile_add(). file: NULL, or instead
 * of the domain's own. ERROR_INVAL: the file is damaged, or another domain's;
 * it is not changed.
 */
int libxl_precopy_profile_add(const char *dir, const char *file,
                              const char *domain, unsigned int hour,
                              uint64_t now_s, const struct xpc_curve *curve,
                              const struct xpc_phased *phased,
                              char err[LIBXL_PRECOPY_ERR_LEN]);
/*
 * Reads a profile into *profile_r, which must be initialised and is unchanged
 * on errors. domain may be NULL if there is a file. ERROR_NOTFOUND: there is
 * none (err is empty).
 */
int libxl_precopy_profile_read(const char *dir, const char *file,
                               const char *domain,
                               struct xpc_profile *profile_r,
                               char err[LIBXL_PRECOPY_ERR_LEN]);

#endif
