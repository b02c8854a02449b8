/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "common/xl_options.h"
#include "common/xl_precopy_options.h"
#include "control/xl_control.h"
#include "control/xl_migrate_set.h"

#define COMMAND "migrate-set"
#define GIVEN_MAX 32

struct set_options {
    struct {
        int opt;
        const char *value;
    } given[GIVEN_MAX];
    size_t nr_given;
    bool states_downtime;
};

static const struct option options[] = {
    { "help", no_argument, NULL, 'h' },
    XL_PRECOPY_OPTIONS
    { 0 }
};

static const char help[] =
"-h, --help      Print this help.\n"
"\n"
"What is not named stays as it is; see xl migrate-status.\n"
XL_TIME_HELP
XL_RATE_HELP
"\n"
XL_PRECOPY_HELP
"\n"
"Exit status: 0 changed, which takes effect at the end of the iteration under\n"
"way; 1 failed; 2 refused, nothing was changed; 6 no migration is under way.\n"
"More in xl-migrate-status(1).";

const struct xl_usage migrate_set_usage = {
    .name       = COMMAND,
    .summary    = "Change the limits of a migration under way",
    .arguments  = "<options> <Domain>",
    .options    = help,
};

/* Applies the options to p in their order. Returns 0, or -1 with err. */
static int apply_options(const struct set_options *o, struct xpc_params *p,
                         char *err)
{
    unsigned int given = 0;
    const char *in_vain;
    size_t i;

    for (i = 0; i < o->nr_given; i++) {
        if (xl_parse_precopy(o->given[i].opt, o->given[i].value, p, &given,
                             err))
            return -1;
    }
    in_vain = xl_precopy_in_vain(p, given);
    if (in_vain)
        return xl_bad(err, "--%s has no effect: this migration decides as the "
                      "stock xl", in_vain);
    return 0;
}

static int parse_options(int argc, char **argv, void *options_r,
                         const char **domain_r, char *err)
{
    struct set_options *o = options_r;
    struct xpc_params p;
    int opt;

    *o = (struct set_options){ 0 };
    optind = 0;
    opterr = 0;
    while ((opt = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
        if (opt == 'h')
            return 1;
        if (opt == '?' || opt == ':')
            return xl_bad_option(COMMAND, options, opt, argv, err);
        if (opt == XL_OPT(POLICY))
            return xl_bad(err, "--precopy-policy: the policy can't be changed "
                          "while the migration runs");
        if (o->nr_given == GIVEN_MAX)
            return xl_bad(err, "too many options");
        o->states_downtime |= opt == XL_OPT(DOWNTIME) ||
                              opt == XL_OPT(MAX_DOWNTIME);
        o->given[o->nr_given].opt = opt;
        o->given[o->nr_given++].value = optarg;
    }
    if (control_take_domain(&migrate_set_usage, argc, argv, domain_r, err))
        return -1;
    if (!o->nr_given)
        return xl_bad(err, "what is to be changed? See xl " COMMAND
                      " --help");
    xpc_params_init(&p);
    return apply_options(o, &p, err);
}

/* Decisions are taken while the guest runs. */
static bool is_suspended(struct control *c)
{
    struct control_state st = { 0 };
    bool suspended;

    control_read_state(c, &st);
    suspended = st.suspended;
    control_state_dispose(&st);
    return suspended;
}

static int set_params(struct control *c, const void *asked)
{
    const struct set_options *o = asked;
    char err[XPC_ERR_LEN], changes[XL_PRECOPY_TEXT_LEN];
    struct xpc_params old, new;
    int rc;

    rc = libxl_domain_precopy_get(c->ctx, c->domid, &old);
    if (rc == ERROR_NOTFOUND)
        return control_fail_none(COMMAND, c);
    if (rc)
        return control_fail(COMMAND, CONTROL_FAILED, "can't read xenstore: is "
                            "xenstored running, and is this run as root?");
    if (is_suspended(c)) {
        snprintf(err, sizeof(err), "%.80s is suspended already, and its "
                 "migration decides nothing more", c->name);
        return control_fail(COMMAND, CONTROL_USAGE, err);
    }
    new = old;
    if (apply_options(o, &new, err))
        return control_fail(COMMAND, CONTROL_USAGE, err);
    rc = libxl_domain_precopy_set_check(c->ctx, c->domid, &new, err);
    if (rc == ERROR_INVAL)
        return control_fail(COMMAND, CONTROL_USAGE, err);
    if (!rc)
        rc = libxl_domain_precopy_set(c->ctx, c->domid, &new);
    if (rc == ERROR_NOTFOUND)
        return control_fail_none(COMMAND, c);
    if (rc)
        return control_fail(COMMAND, CONTROL_FAILED,
                            "can't write to xenstore");
    xl_precopy_changes(&old, &new, changes, sizeof(changes));
    if (!*changes)
        printf("%s: all of that is so already\n", c->name);
    else
        printf("%s: %s\nThis takes effect at the end of the iteration under "
               "way.\n", c->name, changes);
    /* --precopy-strict is not switched on unasked. */
    if (o->states_downtime && !new.strict)
        printf("The downtime is not enforced: add --precopy-strict to have a "
               "switchover\nbroken off that would take longer.\n");
    return CONTROL_OK;
}

static const struct control_command command = {
    .usage      = &migrate_set_usage,
    .no_dry_run = true,
    .parse      = parse_options,
    .run        = set_params,
};

int cmd_migrate_set(int argc, char **argv)
{
    struct set_options o;

    return control_run(&command, argc, argv, &o);
}
