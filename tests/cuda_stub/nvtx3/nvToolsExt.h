/* SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
int nvtxRangePushA(const char *name);
int nvtxRangePop(void);
