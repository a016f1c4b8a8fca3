/* SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "cuda_runtime.h"
