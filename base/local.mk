# base/: status, diagnostics with positions, allocation, text, YAML trees
noinst_LTLIBRARIES += libscbase.la
libscbase_la_SOURCES = \
	base/alloc.c \
	base/alloc.h \
	base/codes.h \
	base/diag.c \
	base/diag.h \
	base/export.h \
	base/status.c \
	base/status.h \
	base/text.c \
	base/text.h \
	base/yaml.c \
	base/yaml.h

if HAVE_CRITERION
check_PROGRAMS += tests/unit/test_base
TESTS += tests/unit/test_base
tests_unit_test_base_SOURCES = \
	tests/unit/base/test_alloc.c \
	tests/unit/base/test_diag.c \
	tests/unit/base/test_text.c \
	tests/unit/base/test_yaml.c
tests_unit_test_base_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_unit_test_base_LDADD = libscbase.la $(SC_LIBS) $(CRITERION_LIBS)
endif
