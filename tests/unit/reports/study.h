/* A study built from an op in the text below, with invented measurements: what the tests
 * of reports/ share. SPDX-License-Identifier: GPL-3.0-or-later WITH additional
 * permission, see LICENSE */
#ifndef SC_TESTS_REPORTS_STUDY_H
#define SC_TESTS_REPORTS_STUDY_H

#include "reports/report.h"

/* Attention-like in the context phase, a function of x in the generation phase; names and
 * texts as awkward as the loader lets them be. */
extern const char test_twist[];

/* Files of a report apart from the plots. */
#define TEST_N_TEXTS 6

typedef struct test_study {
    rep_study study;
    sol_op *op;
    sol_system *system;
    char dir[64]; /* a fresh directory, the test's to use; removed at the end */
} test_study;

/* Loads the op and the H100's system file and proves both phases; nothing measured. */
void test_study_init(test_study *t, const char *op_text);
/* Adds invented measurements in two configurations (the second with 6 heads), and an
 * invented fit, to every phase. */
void test_study_measure(test_study *t);
/* Makes held-out predictions of the phase's points: scale(point, axes, user) times their
 * latency, with axes as in fit_axes. */
typedef double test_scale(const col_point *point, int axes, double user);
void test_hold_out(rep_phase *p, test_scale *scale, double user);
void test_study_clear(test_study *t);

/* The whole text of dir/name, or NULL; release with sc_free. */
char *test_read(const char *dir, const char *name);
/* Number of entries of a directory, hidden ones included; -1 when it is not there. */
int test_count(const char *dir);
/* Writes a file; fails the test when it cannot. */
void test_put(const char *dir, const char *name, const char *text);
/* Runs `$PYTHON3 script arguments` in dir, output to dir/python.log; the exit status, or
 * -1 with a loud note when there is no Python. */
int test_python(const char *dir, const char *script, const char *arguments);
/* Is there a gnuplot in PATH? Says so loudly when not. */
bool test_gnuplot(void);

#endif
