/* Text buffers, numbers, suggestions and files.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/diag.h"
#include "base/text.h"

Test(text, buffer_grows)
{
    sc_buf buf = {0};
    cr_assert_str_eq(sc_buf_text(&buf), "");
    for (int i = 0; i < 1000; i++)
        sc_buf_printf(&buf, "%d,", i % 10);
    cr_assert_eq(buf.n, 2000);
    cr_assert_eq(strlen(sc_buf_text(&buf)), 2000);
    sc_buf_free(&buf);
}

Test(text, buffer_remembers_a_failure)
{
    sc_buf buf = {0};
    sc_alloc_fail_at(1, 0);
    cr_assert_eq(sc_buf_add(&buf, "lost"), SC_ENOMEM);
    sc_alloc_fail_at(0, 0);
    cr_assert_eq(sc_buf_add(&buf, "also lost"), SC_ENOMEM);
    cr_assert_null(sc_buf_take(&buf));
}

Test(text, doubles_parse_whole_or_not_at_all)
{
    double v = 2.385;
    cr_assert(sc_parse_double("3.35e12", &v) && v == 3.35e12);
    cr_assert(sc_parse_double("-.5", &v) && v == -0.5);
    const char *bad[] = {"",    "-",   "1.5x",  " 2",   "2 ",
                         "nan", "inf", "1e999", "0x10", "1,5"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert(!sc_parse_double(bad[i], &v), "'%s' was accepted", bad[i]);
    cr_assert_eq(v, -0.5);
}

Test(text, integers_parse_whole_or_not_at_all)
{
    int64_t v = 7;
    cr_assert(sc_parse_int("-9223372036854775808", &v) && v == INT64_MIN);
    cr_assert(!sc_parse_int("9223372036854775808", &v));
    cr_assert(!sc_parse_int("12.0", &v) && !sc_parse_int("+", &v) &&
              !sc_parse_int("", &v));
}

Test(text, durations_are_for_people)
{
    static const struct {
        double seconds;
        const char *text;
    } wanted[] = {{0.04, "0.0 s"},   {9.94, "9.9 s"},   {9.96, "10 s"},     {99.4, "99 s"},
                  {99.6, "2 min"}, {5960, "99 min"}, {5980, "1.7 h"}, {1e6, "277.8 h"}};
    char text[32];
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        sc_format_duration(wanted[i].seconds, text);
        cr_expect_str_eq(text, wanted[i].text);
    }
}

Test(text, doubles_print_shortest)
{
    const struct {
        double value;
        const char *text;
    } cases[] = {{3350000000000.0, "3350000000000"}, {0.1, "0.1"},       {1e22, "1e+22"},
                 {1.0 / 3.0, "0.3333333333333333"},  {-2.385, "-2.385"}, {0, "0"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[32];
        double back;
        sc_format_double(cases[i].value, out);
        cr_assert_str_eq(out, cases[i].text);
        cr_assert(sc_parse_double(out, &back) && back == cases[i].value);
    }
}

Test(text, distances)
{
    cr_assert_eq(sc_edit_distance("mla", "mla"), 0);
    cr_assert_eq(sc_edit_distance("mal", "mla"), 1); /* a swap is one slip */
    cr_assert_eq(sc_edit_distance("gem", "gemm"), 1);
    cr_assert_eq(sc_edit_distance("kitten", "sitting"), 3);
}

Test(text, suggestions_are_near_and_ordered)
{
    const char *names[] = {"attention", "gemm", "mla", "mla_bmm", "moe"};
    char out[100];
    cr_assert_eq(sc_suggest("mal", names, 5, out, sizeof out), 2);
    cr_assert_str_eq(out, "mla or moe");
    cr_assert_eq(sc_suggest("rmsnorm_xyz", names, 5, out, sizeof out), 0);
    cr_assert_str_eq(out, "");
    cr_assert_eq(sc_suggest("atention", names, 5, out, sizeof out), 1);
    cr_assert_str_eq(out, "attention");
}

Test(text, write_then_read)
{
    char dir[] = "/tmp/sc_text_XXXXXX";
    cr_assert_not_null(mkdtemp(dir));
    char *deep = sc_path_join(dir, "a/b");
    sc_diag diag = {0};
    cr_assert_eq(sc_mkdirs(deep, &diag), SC_OK);
    cr_assert_eq(sc_mkdirs(deep, &diag), SC_OK);
    char *path = sc_path_join(deep, "f.txt"), *text;
    size_t n;
    cr_assert_eq(sc_file_write(path, "x\0y", 3, &diag), SC_OK);
    cr_assert_eq(sc_file_read(path, 100, &text, &n, &diag), SC_OK);
    cr_assert(n == 3 && memcmp(text, "x\0y", 4) == 0);
    sc_free(text);
    cr_assert_eq(sc_file_read(path, 2, &text, &n, &diag), SC_EPARSE);
    cr_assert_eq(diag.code, SC1002);
    cr_assert_eq(sc_file_read(deep, 100, &text, &n, &diag), SC_EIO);
    cr_assert_eq(sc_file_write("/proc/no/such", "x", 1, &diag), SC_EIO);
    cr_assert_eq(diag.code, SC5000);
    cr_assert_eq(sc_mkdirs(path, &diag), SC_EIO); /* a file stands there */
    unlink(path);
    sc_free(path);
    rmdir(deep);
    sc_free(deep);
}

/* RFC 3629, section 3: overlong forms, surrogates and what is beyond U+10FFFF are none.
 */
Test(text, what_is_no_utf8_is_mended)
{
    static const struct {
        const char *text, *mended;
    } c[] = {
        {"GPU \303\251 \342\202\254 \360\237\230\200",
         "GPU \303\251 \342\202\254 \360\237\230\200"},
        {"\351t\351", "?t?"},
        {"cut \342\202", "cut ??"},
        {"\300\200", "??"},
        {"\355\240\200", "???"},
        {"\364\220\200\200", "????"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        char text[40];
        snprintf(text, sizeof text, "%s", c[i].text);
        sc_utf8_mend(text);
        cr_assert_str_eq(text, c[i].mended, "case %zu", i);
    }
}

Test(text, cells_of_csv)
{
    static const struct {
        const char *text, *cell;
    } c[] = {{"", ""},
             {"a b;'c'", "a b;'c'"},
             {"a,b", "\"a,b\""},
             {"5\" pipe", "\"5\"\" pipe\""},
             {"two\nlines", "\"two\nlines\""},
             {"\r", "\"\r\""}};
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        sc_buf buf = {0};
        cr_assert_eq(sc_buf_add_csv(&buf, c[i].text), SC_OK);
        cr_expect_str_eq(sc_buf_text(&buf), c[i].cell, "case %zu", i);
        sc_buf_free(&buf);
    }
}

Test(text, xml_attribute_values)
{
    sc_buf buf = {0};
    cr_assert_eq(sc_buf_add_xml(&buf, "a<b> & \"c\"\x01\n\xc3\xa9'\xe9"), SC_OK);
    cr_expect_str_eq(sc_buf_text(&buf), "a&lt;b&gt; &amp; &quot;c&quot;\?\?\xc3\xa9'?");
    sc_buf_free(&buf);
}
