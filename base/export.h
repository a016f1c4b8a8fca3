/* solcheck - what libsolcheck exports: declarations between SC_BEGIN_DECLS and SC_END_DECLS.
 *
 * Everything is compiled with hidden visibility; these are visible, and have C linkage in
 * C++. Test: tests/install/run.sh.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_BASE_EXPORT_H
#define SC_BASE_EXPORT_H

#if defined(__GNUC__)
#define SC_VISIBLE _Pragma("GCC visibility push(default)")
#define SC_VISIBLE_END _Pragma("GCC visibility pop")
#else
#define SC_VISIBLE
#define SC_VISIBLE_END
#endif

#ifdef __cplusplus
#define SC_BEGIN_DECLS SC_VISIBLE extern "C" {
#define SC_END_DECLS } SC_VISIBLE_END
#else
#define SC_BEGIN_DECLS SC_VISIBLE
#define SC_END_DECLS SC_VISIBLE_END
#endif

#endif
