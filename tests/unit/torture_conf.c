/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The administrator's file: what is accepted, and what is not. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "conf/load.h"
#include "support/torture.h"

#define UUID "6a1f0c5e-3c1b-4f0e-9d52-0f6a2b1c7d3e"

static int parse(struct conf_file *f, const char *text, char *err)
{
    *err = 0;
    return conf_parse(f, "/c", text, strlen(text), err);
}

static void parse_ok(struct conf_file *f, const char *text)
{
    char err[XPC_ERR_LEN];

    if (parse(f, text, err))
        fail_msg("%s", err);
}

/* The whole error line. */
static void assert_bad(const char *text, size_t len, const char *line)
{
    char err[XPC_ERR_LEN] = "";
    struct conf_file f;

    assert_int_equal(conf_parse(&f, "/c", text, len, err), -1);
    conf_dispose(&f);
    if (strncmp(err, line, strlen(line)))
        fail_msg("%.60s\n%s\n%s", text, err, line);
    assert_null(strchr(err, '\n'));
}

static void torture_conf_affinity(void **state)
{
    const char *list, *name;
    struct conf_file f;
    size_t len;

    (void)state;
    parse_ok(&f, "[guest web1]\n"
             "apart = web 2 ,db\n"
             "together=" UUID "\n");
    assert_int_equal(f.sections[0].given, 0);
    assert_string_equal(f.sections[0].affinity[CONF_TOGETHER], UUID);
    list = f.sections[0].affinity[CONF_APART];
    name = conf_next_name(&list, &len);
    assert_int_equal(len, 5);
    assert_memory_equal(name, "web 2", 5);
    name = conf_next_name(&list, &len);
    assert_int_equal(len, 2);
    assert_memory_equal(name, "db", 2);
    assert_null(conf_next_name(&list, &len));
    conf_dispose(&f);

#define BAD_AFFINITY(text, line) assert_bad(text, strlen(text), line)
    BAD_AFFINITY("[default]\napart = web2\n",
                 "/c:2: apart is for the section of a guest");
    BAD_AFFINITY("[guest a]\napart = b\napart = c\n",
                 "/c:3: apart is set twice in this section");
    BAD_AFFINITY("[guest a]\ntogether = ,\n",
                 "/c:2: together has no value");
    BAD_AFFINITY("[guest a]\ntogether = b, 12\n",
                 "/c:2: together = 12: a domain's number changes");
    BAD_AFFINITY("[guest a]\napart = b, a\n",
                 "/c:2: apart = a: that is the guest itself");
    BAD_AFFINITY("[guest a]\napart = b, c\ntogether = d, c\n",
                 "/c:3: together = c: a guest can't be apart and together");
}

static void torture_conf_sections_and_keys(void **state)
{
    struct conf_file f;
    const struct conf_section *s;
    char buf[CONF_HEADING_LEN];

    (void)state;
    parse_ok(&f, "# a comment\n"
             "[default]\n"
             "downtime = 300ms ; ours\n"
             "\n"
             "[target Host2]\n"
             "  bandwidth = 10Gbit\n"
             "  max-bandwidth=1 Gbit\n"
             "\t; another\n"
             "[ guest  web 1 ] # a blank in the name\n"
             "strict: on\n"
             "[guest " UUID "]\n"
             "[guest 6A1F0C5E-3C1B-4F0E-9D52-0F6A2B1C7D3F]\n"
             "policy = stock");
    assert_int_equal(f.nr, 5);
    s = f.sections;
    assert_int_equal(s[0].kind, CONF_DEFAULT);
    assert_int_equal(s[0].given, XPC_OPTION_BIT(XPC_OPT_DOWNTIME));
    assert_int_equal(s[0].params.downtime_ns, 300 * XPC_MS);
    assert_int_equal(s[0].lines[XPC_OPT_DOWNTIME], 3);
    assert_int_equal(s[1].kind, CONF_TARGET);
    assert_string_equal(s[1].name, "Host2");
    assert_int_equal(s[1].line, 5);
    assert_int_equal(s[1].params.max_bytes_per_s, 125000000);
    assert_int_equal(s[1].lines[XPC_OPT_MAX_BANDWIDTH], 7);
    assert_int_equal(s[2].kind, CONF_GUEST);
    assert_string_equal(s[2].name, "web 1");
    assert_int_equal(s[2].params.strict, XPC_STRICT_ON);
    assert_null(s[3].name);
    assert_int_equal(s[3].uuid[0], 0x6a);
    assert_int_equal(s[3].uuid[15], 0x3e);
    assert_int_equal(s[3].given, 0);
    assert_string_equal(conf_heading(&s[3], buf), "[guest " UUID "]");
    assert_int_equal(s[4].uuid[15], 0x3f);
    assert_int_equal(s[4].params.policy, XPC_POLICY_STOCK);
    conf_dispose(&f);
    conf_dispose(&f);
}

static void torture_conf_nothing_is_fine(void **state)
{
    static const char *const texts[] = {
        "", "\n", "   \n\t\n", "# only\n; comments", "[default]\n",
    };
    struct conf_file f;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        parse_ok(&f, texts[i]);
        assert_true(!f.nr || !f.sections[0].given);
        conf_dispose(&f);
    }
}

#define LONG_49 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LONG_200 LONG_49 LONG_49 LONG_49 LONG_49 "aaaa"

static void torture_conf_everything_wrong_is_refused(void **state)
{
    static const char *const t[][2] = {
        { "downtime = 1s\n", "/c:1: downtime is in no section" },
        { "[default]\ndowntimes = 1s\n", "/c:2: there is no key downtimes" },
        { "[default]\nDowntime = 1s\n", "/c:2: there is no key Downtime" },
        { "[default]\nhistory = off\n", "/c:2: there is no key history" },
        { "[default]\nprecopy-downtime = 1s\n",
          "/c:2: precopy-downtime: write downtime" },
        { "[default]\n--precopy-strict = on\n",
          "/c:2: --precopy-strict: write strict" },
        { "[default]\n= 1s\n", "/c:2: there is no key " },
        { "[default]\ndowntime = \n", "/c:2: downtime has no value" },
        { "[default]\ndowntime =  ; 1s\n", "/c:2: downtime has no value" },
        { "[default]\ndowntime\n", "/c:2: neither a section's heading" },
        { "[default]\nstrict\n[guest a]\n", "/c:2: neither a section's" },
        { "[default]\ndowntime = 300\n",
          "/c:2: downtime = 300: a unit is needed, for example 300ms" },
        { "[default]\ndowntime = 300ms # no comment\n",
          "/c:2: downtime = 300ms # no comment: not a time" },
        { "[default]\ndowntime = 0ms\n",
          "/c:2: downtime = 0ms: more than 0 is needed" },
        { "[default]\nstrict = yes\n",
          "/c:2: strict = yes: off or on is accepted" },
        { "[default]\nchannels = 17\n",
          "/c:2: channels = 17: a whole number from 1 to 16" },
        { "[default]\ndowntime = 1s\n\ndowntime = 1s\n",
          "/c:4: downtime is set twice in this section, first in line 2" },
        { "[defaults]\n", "/c:1: [defaults] is no section" },
        { "[Default]\n", "/c:1: [Default] is no section" },
        { "[]\n", "/c:1: [] is no section" },
        { "[guest]\n", "/c:1: [guest] is no section" },
        { "[guest ]\n", "/c:1: [guest] is no section" },
        { "[guestweb]\n", "/c:1: [guestweb] is no section" },
        { "[host a]\n", "/c:1: [host a] is no section" },
        { "[guest a\n", "/c:1: the heading has no ]" },
        { "[guest a]b]\n", "/c:1: \"b]\" has no effect behind a heading" },
        { "[guest a] downtime = 1s\n",
          "/c:1: \"downtime = 1s\" has no effect behind a heading" },
        { "[guest a]; b\n", "/c:1: \"; b\" has no effect behind" },
        { "[guest a ; b]\n", "/c:1: neither a section's heading" },
        { "[guest \"a\"]\n", "/c:1: [guest \"a\"]: names are written without"},
        { "[guest 12]\n", "/c:1: [guest 12]: a domain's number changes" },
        { "[target root@b]\n", "/c:1: [target root@b]: without the user: "
          "[target b]" },
        { "[guest " LONG_49 "]\n", "/c:1: the name is too long" },
        { "[guest a]\n[guest b]\n[guest a]\n",
          "/c:3: [guest a] is there twice, first in line 1" },
        { "[default]\n[default]\n", "/c:2: [default] is there twice" },
        { "[target a]\n[target A]\n", "/c:2: [target A] is there twice" },
        { "[guest " UUID "]\n[guest 6A1F0C5E-3C1B-4F0E-9D52-0F6A2B1C7D3E]\n",
          "/c:2: [guest 6A1F0C5E-3C1B-4F0E-9D52-0F6A2B1C7D3E] is there" },
        { "[guest a]\npolicy = stock\nstrict = on\n",
          "/c:3: strict has no effect with policy = stock in line 2" },
        { "[guest a]\ndowntime = 1s\npolicy = stock\n",
          "/c:2: downtime has no effect with policy = stock in line 3" },
        { "[default]\ndowntime = " LONG_200 "\n", "/c:2: 211 bytes in a line: "
          "190 are possible" },
        { "[default]\r\ndowntime = 1s\r\n", "/c:1: ends with CR LF" },
        { "# a comment\r\n", "/c:1: ends with CR LF" },
        { "\xef\xbb\xbf[default]\n", "/c:1: begins with a byte order mark" },
        { "[default]\ndowntime = \x1b[31m1s\n", "/c:2: a control character" },
        { "[guest a\x7f]\n", "/c:1: a control character" },
        /* The first error counts, whoever finds it. */
        { "[default]\nno key\nmore = 1s\n", "/c:2: neither" },
        { "[default]\nmore = 1s\nno key\n", "/c:2: there is no key more" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
        assert_bad(t[i][0], strlen(t[i][0]), t[i][1]);
    assert_bad("[default]\n\0\n", 12, "/c:2: a NUL byte");
    assert_bad("\0", 1, "/c:1: a NUL byte");
}

static void torture_conf_long_comments_and_the_longest_heading(void **state)
{
    struct conf_file f;

    (void)state;
    parse_ok(&f, "# " LONG_200 "\n  ; " LONG_200 "\n[guest "
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\ndowntime=1s\n");
    assert_int_equal(strlen(f.sections[0].name), 43);
    assert_int_equal(f.sections[0].lines[XPC_OPT_DOWNTIME], 4);
    conf_dispose(&f);
}

/* A key that is not parsed as the option's, or an option that has no key. */
static void torture_conf_every_option_is_a_key(void **state)
{
    static const char *const values[XPC_NR_OPTIONS] = {
        "60s", "1s", "2s", "auto", "abort", "3", "4", "limit", "80ms", "90",
        "off", "off", "send", "none", "lifted", "2", "lz4:1", "on",
        "off", "40%", "off",
    };
    char text[128];
    struct conf_file f;

    (void)state;
    for (int i = 0; i < XPC_NR_OPTIONS; i++) {
        snprintf(text, sizeof(text), "[guest a]\n%s = %s\n",
                 xpc_option_name(i), values[i]);
        parse_ok(&f, text);
        assert_int_equal(f.sections[0].given, XPC_OPTION_BIT(i));
        conf_dispose(&f);
    }
}

static void torture_conf_too_many_sections(void **state)
{
    char *text = malloc(CONF_SECTIONS_MAX * 16 + 64), *p = text;

    (void)state;
    for (unsigned int i = 0; i <= CONF_SECTIONS_MAX; i++)
        p += sprintf(p, "[guest g%u]\n", i);
    assert_bad(text, p - text, "/c:4097: there are more than 4096 sections");
    free(text);
}

/* ---- files ------------------------------------------------------------- */

static char dir[] = "/tmp/torture_conf.XXXXXX";
static char path[64];

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir + strlen(dir) - 6, "XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/precopy.conf", dir);
    unsetenv(CONF_ENV);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(path);
    rmdir(path);
    unsetenv(CONF_ENV);
    return rmdir(dir);
}

static void write_file(const char *text, size_t len, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void assert_not_loaded(const char *part)
{
    char err[XPC_ERR_LEN] = "";
    struct conf_file f;

    assert_int_equal(conf_load(&f, path, err), -1);
    conf_dispose(&f);
    if (strncmp(err, path, strlen(path)) || !strstr(err, part))
        fail_msg("%s: %s", part, err);
}

static void torture_conf_load_reads_the_file(void **state)
{
    char err[XPC_ERR_LEN];
    struct conf_file f;

    (void)state;
    write_file("[default]\ndowntime=1s\n", 22, 0644);
    assert_int_equal(conf_load(&f, path, err), 0);
    assert_false(f.missing);
    assert_string_equal(f.path, path);
    assert_int_equal(f.nr, 1);
    conf_dispose(&f);
    assert_int_equal(setenv(CONF_ENV, path, 1), 0);
    assert_int_equal(conf_load(&f, NULL, err), 0);
    assert_string_equal(f.path, path);
    conf_dispose(&f);
}

/* The default one may be missing; one that somebody has named may not. */
static void torture_conf_load_a_named_file_must_exist(void **state)
{
    char err[XPC_ERR_LEN];
    struct conf_file f;

    (void)state;
    assert_not_loaded("No such file");
    assert_int_equal(setenv(CONF_ENV, path, 1), 0);
    assert_int_equal(conf_load(&f, NULL, err), -1);
    assert_non_null(strstr(err, "No such file"));
    conf_dispose(&f);
}

/* A link to what is not mounted, say, is not a file that nobody has made. */
static void torture_conf_load_a_link_to_nowhere_is_not_missing(void **state)
{
    const char *in_force = conf_path;
    char err[XPC_ERR_LEN], below[128];
    struct conf_file f;

    (void)state;
    conf_path = path;
    assert_int_equal(conf_load(&f, NULL, err), 0);
    assert_true(f.missing);
    conf_dispose(&f);
    assert_int_equal(symlink("/nonexistent/precopy.conf", path), 0);
    assert_int_equal(conf_load(&f, NULL, err), -1);
    assert_non_null(strstr(err, "a link that leads nowhere"));
    conf_dispose(&f);
    snprintf(below, sizeof(below), "%s/precopy.conf", path);
    conf_path = below;
    assert_int_equal(conf_load(&f, NULL, err), -1);
    assert_non_null(strstr(err, "a link that leads nowhere"));
    conf_dispose(&f);
    conf_path = in_force;
}

static void torture_conf_load_others_must_not_write_it(void **state)
{
    (void)state;
    write_file("", 0, 0664);
    assert_not_loaded("others than root may write it");
    write_file("", 0, 0646);
    assert_not_loaded("others than root may write it");
    if (geteuid())
        return;
    write_file("", 0, 0644);
    assert_int_equal(chown(path, 1234, 0), 0);
    assert_not_loaded("belongs to user 1234");
}

static void torture_conf_load_special_files(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_not_loaded("not a regular file");
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_not_loaded("not a regular file");
    rmdir(path);
    assert_int_equal(symlink("/dev/null", path), 0);
    assert_not_loaded("not a regular file");
    unlink(path);
    assert_int_equal(symlink(path, path), 0);
    assert_not_loaded("symbolic links");
}

/* An editor may have truncated it: what is read is not what will be there. */
static void torture_conf_load_while_it_is_written(void **state)
{
    char err[XPC_ERR_LEN];
    struct conf_file f;
    int fd;

    (void)state;
    write_file("[default]\ndowntime=1s\n", 22, 0644);
    fd = open(path, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    assert_not_loaded("is being written");
    assert_int_equal(write(fd, "[default]\n", 10), 10);
    assert_not_loaded("is being written");
    close(fd);
    assert_int_equal(conf_load(&f, path, err), 0);
    conf_dispose(&f);
    /* Nothing stays behind that a writer would have to wait for. */
    fd = open(path, O_WRONLY | O_NONBLOCK);
    assert_true(fd >= 0);
    close(fd);
}

static void torture_conf_load_unreadable(void **state)
{
    (void)state;
    if (!geteuid())
        skip();
    write_file("", 0, 0000);
    assert_not_loaded("Permission denied");
}

static void torture_conf_load_too_large(void **state)
{
    char *text = malloc(CONF_BYTES_MAX + 1), err[XPC_ERR_LEN];
    struct conf_file f;

    (void)state;
    memset(text, '\n', CONF_BYTES_MAX + 1);
    write_file(text, CONF_BYTES_MAX, 0644);
    assert_int_equal(conf_load(&f, path, err), 0);
    conf_dispose(&f);
    write_file(text, CONF_BYTES_MAX + 1, 0644);
    assert_not_loaded("larger than 256 KiB");
    free(text);
}

/* With its examples in force, too. */
static void torture_conf_the_shipped_file_is_right(void **state)
{
    char line[128], text[4096] = "";
    FILE *in = fopen("docs/precopy.conf", "r");
    struct conf_file f;

    (void)state;
    if (!in)
        skip();
    while (fgets(line, sizeof(line), in)) {
        assert_true(*line == '#' || *line == '\n');
        strcat(text, *line == '#' && line[1] != ' ' ? line + 1 : line);
    }
    fclose(in);
    parse_ok(&f, text);
    assert_int_equal(f.nr, 4);
    conf_dispose(&f);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_conf_affinity),
        cmocka_unit_test(torture_conf_sections_and_keys),
        cmocka_unit_test(torture_conf_nothing_is_fine),
        cmocka_unit_test(torture_conf_everything_wrong_is_refused),
        cmocka_unit_test(torture_conf_long_comments_and_the_longest_heading),
        cmocka_unit_test(torture_conf_every_option_is_a_key),
        cmocka_unit_test(torture_conf_too_many_sections),
        cmocka_unit_test_setup_teardown(torture_conf_load_reads_the_file,
                                        make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(
            torture_conf_load_a_named_file_must_exist, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(
            torture_conf_load_while_it_is_written, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(
            torture_conf_load_a_link_to_nowhere_is_not_missing, make_dir,
            remove_dir),
        cmocka_unit_test_setup_teardown(
            torture_conf_load_others_must_not_write_it, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(torture_conf_load_special_files,
                                        make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(torture_conf_load_unreadable,
                                        make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(torture_conf_load_too_large,
                                        make_dir, remove_dir),
        cmocka_unit_test(torture_conf_the_shipped_file_is_right),
    };

    return torture_run(argc, argv, tests);
}
