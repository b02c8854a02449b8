/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the history of a target says about the next migration to it.
 *
 * The overhead of the next migration to the same target is predicted by a
 * regression over the guests that were migrated there:
 *
 *   overhead of g = base + device_model [g has one] + vif * vifs + disk * disks
 *                   + vcpu * (vCPUs - 1) + pfns * bitmap + offset of g + noise
 *
 * where bitmap is the time assumed for the dirty bitmap of this size,
 * xpc_predict_bitmap_ns(); the time that the bitmap took is not part of an
 * overhead, so that `pfns` is only what else grows with the guest. The six
 * costs are the target's and the same for all guests. An offset is what a guest
 * takes besides, such as a hotplug script of its own.
 *
 * Few observations must do, so all seven have priors. Those of the costs have
 * the means in xenprecopy/xenprecopy.h and are Student-t with 3 degrees of
 * freedom, that of the offsets is Cauchy around 0 with a scale that is learned
 * (core/overhead.c has the numbers). Normal priors would not do: the 2 s of one
 * guest's script would be spread over all costs. With these tails, a little
 * more than expected is held to be the target's, much more the guest's, and
 * when two guests agree it is the target's again. Costs are never negative.
 * The most likely values are taken (core/overhead.h). The variance of the
 * prediction is that of the costs and the offset, given the data, plus the
 * noise. Of a guest that was migrated there before, not less is expected than
 * it took: priors and other guests may add to its own mean, but not reduce it.
 *
 * The observations are one value y per guest, of its last XPC_HISTORY_LAST
 * overheads; if its devices change, it has several. y[0] being the latest, with
 * weights w[i] = 2^(-i / 4):
 *
 *   mean = sum(w y) / sum(w)            n = sum(w)^2 / sum(w^2)
 *   v    = (2 u^2 + n sum(w (y - mean)^2) / sum(w)) / (2 + n - 1)
 *
 * where u = XPC_UNKNOWN_CV * mean: two pseudo-observations with the variation
 * of an unknown value, so that a few migrations that agree by chance do not
 * make the prediction look certain. v is the guest's noise, and v/n
 * 2^(age / 32) the variance of its value, age being the number of migrations to
 * the target since. No guest is taken to have less noise, relative to its
 * overhead, than most of them.
 *
 * Suspend pages, and the time to start, are predicted in the same way from the
 * last XPC_HISTORY_LAST migrations of guests of the same kind. Their standard
 * deviation is sqrt(v (1 + 1/n)).
 *
 * Of three or more values, a single one that is further than three spreads from
 * the median is moved to that distance, as an outlier. Two on the same side
 * count in full. A spread is 1.4826 times the median distance from the median,
 * and at least XPC_UNKNOWN_CV of the median.
 *
 * Nothing is predicted for guests with a device model until one was migrated to
 * the target, nor for guests without (xpc_guest_alike()): the cautious defaults
 * stay in force, unless switchovers were broken off (below). A guest or an
 * entry of unknown kind is taken for what it is compared with, and the
 * prediction is then not below the default. Entries that do not tell which
 * guest it was (files of older versions) are taken for this guest's, if it has
 * none and their kind and number of devices are the same.
 *
 * A switchover that strict broke off is a lower bound b of its overhead
 * (xenprecopy/history.h). By how much it would have exceeded b is unknown. For
 * the same guest, the largest b in effect raises the mean to at least
 * XPC_HISTORY_BEYOND * b, and the deviation to XPC_UNKNOWN_CV of that. For
 * other guests, XPC_HISTORY_BEYOND * b is that guest's y if it has none,
 * unless the model expects more of it anyway. Before any guest of their kind
 * has reached the target, such bounds can only raise the mean above the
 * default, and the deviation is XPC_UNKNOWN_CV of it. To expect more than the
 * largest such y is then as unlikely as if that had been seen: otherwise one
 * bound would make all that a guest of another kind took the target's. A bound
 * is in effect for XPC_HISTORY_BOUND_S from the migration's start, so that one
 * slow evening does not prevent migrations for good, and only until a migration
 * of that guest reaches the target, which tells more.
 */
#ifndef XENPRECOPY_LESSONS_H
#define XENPRECOPY_LESSONS_H

#include <xenprecopy/history.h>

/*
 * Summary of a target. learned is what a guest without devices that was never
 * there is expected to take, indexed by enum xpc_device_model, NO and YES.
 */
struct xpc_history_summary {
    struct xpc_history_learned {
        uint64_t migrations;        /* that prior is based on; 0: none */
        struct xpc_prior prior;
    } learned[XPC_DEVICE_MODEL_YES + 1];
    uint64_t costs_ns[XPC_OVERHEAD_COSTS];  /* see xpc_history_costs() */
    uint64_t costs_guests;          /* that they are based on; 0: none */
    /*
     * The guests that can be told apart and have reached the target, or were
     * broken off with a bound that is in effect, the latest first.
     */
    struct xpc_history_guest {
        const char *domain;         /* its latest name, in the history, or
                                     * NULL */
        uint64_t id;
        uint64_t migrations;        /* that have reached the target */
        struct xpc_prior prior;     /* of its next one, as it was last */
    } guests[XPC_HISTORY_MAX];
    size_t nr_guests;
    /*
     * Differences between actual and predicted downtimes, as a share of the
     * predicted ones: the median of the absolute values, and the largest one,
     * greater than 0 if it took longer. NAN: there are none.
     */
    double error_median, error_worst;
};

/*
 * What the next migration of such a guest is expected to take, at now_s (wall
 * clock, since 1970). Returns the number of migrations that this is based on,
 * including broken-off ones. 0: nothing is known, and *prior_r is all 0 except
 * for its guest.
 */
size_t xpc_history_prior(const struct xpc_history *h,
                         const struct xpc_guest *guest, uint64_t now_s,
                         struct xpc_prior *prior_r);

/*
 * The costs, as learned, ns per unit. Returns the number of guests that they
 * were learned from; 0: they are the defaults.
 */
size_t xpc_history_costs(const struct xpc_history *h, uint64_t now_s,
                         uint64_t costs_ns_r[XPC_OVERHEAD_COSTS]);

/* h must stay unchanged while the summary is used. */
void xpc_history_summarize(const struct xpc_history *h, uint64_t now_s,
                           struct xpc_history_summary *s_r);

#endif
