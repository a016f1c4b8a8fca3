/* solcheck - status codes shared by every module.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_BASE_STATUS_H
#define SC_BASE_STATUS_H

#include "base/export.h"

SC_BEGIN_DECLS

/* One table feeds the enum and sc_status_name(). */
#define SC_STATUS_LIST(X)                                                                \
    X(OK, "ok")                                                                          \
    X(EINVAL, "invalid argument or usage")                                               \
    X(EDOMAIN, "no value exists")                                                        \
    X(EUNABLE, "cannot be decided or done")                                              \
    X(EPARSE, "malformed input")                                                         \
    X(ENOMEM, "out of memory")                                                           \
    X(EIO, "input/output error")                                                         \
    X(ENOGPU, "no usable GPU")                                                           \
    X(EGPU, "GPU failure")

typedef enum sc_status {
#define X(name, text) SC_##name,
    SC_STATUS_LIST(X)
#undef X
} sc_status;

/* Short English text for a status; never NULL. Static storage. */
const char *sc_status_name(sc_status status);

SC_END_DECLS

#endif
