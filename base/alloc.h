/* solcheck - allocation with a fail-at-nth hook.
 *
 * Every module allocates through these, so that a test can make the nth allocation fail
 * and check that nothing crashes or leaks. They do not report: callers turn NULL into
 * SC_ENOMEM (sc_diag_nomem).
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_BASE_ALLOC_H
#define SC_BASE_ALLOC_H

#include <stddef.h>

#include "base/export.h"

SC_BEGIN_DECLS

/* As malloc/calloc/realloc/strdup/strndup, but counted and able to fail on request.
 * A size of 0 yields a valid pointer. Products that overflow yield NULL. */
void *sc_malloc(size_t size_B);
void *sc_calloc(size_t n, size_t size_B);
void *sc_realloc(void *p, size_t size_B);
void *sc_reallocarray(void *p, size_t n, size_t size_B);
char *sc_strdup(const char *text);
char *sc_strndup(const char *text, size_t n);
void sc_free(void *p); /* NULL is legal */

/* Makes the nth allocation from now fail (1 = the next one) and every later one too when
 * sticky is set; n = 0 switches the hook off. Thread-safe. */
void sc_alloc_fail_at(unsigned long n, int sticky);

/* Allocations made since the program started; to find the range for sc_alloc_fail_at. */
unsigned long sc_alloc_count(void);

/* Allocations not yet released, by these functions: 0 at the end of a clean run. */
long sc_alloc_live(void);

SC_END_DECLS

#endif
