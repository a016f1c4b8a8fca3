# fit/: models, cross-validation and the decision, on GSL
noinst_LTLIBRARIES += libscfit.la
libscfit_la_SOURCES = fit/boot.c fit/curve.c fit/data.c fit/decide.c fit/design.c fit/design.h fit/effects.c fit/field.c fit/field.h fit/fit.c fit/fit.h \
	fit/freeform.c fit/internal.h fit/krige.c fit/lof.c fit/nls.c fit/nls.h \
	fit/physical.c fit/select.c fit/spline.c fit/spline.h fit/stat.c fit/terms.c fit/terms.h fit/tree.c fit/tree.h

if HAVE_CRITERION
check_PROGRAMS += tests/unit/test_fit
TESTS += tests/unit/test_fit
tests_unit_test_fit_SOURCES = tests/unit/fit/test_curve.c tests/unit/fit/test_degenerate.c \
	tests/unit/fit/test_effects.c tests/unit/fit/test_field.c tests/unit/fit/test_fit.c tests/unit/fit/test_krige.c \
	tests/unit/fit/test_linear.c tests/unit/fit/test_lof.c tests/unit/fit/test_nls.c \
	tests/unit/fit/test_physical.c \
	tests/unit/fit/test_select.c tests/unit/fit/test_spline.c tests/unit/fit/test_stat.c \
	tests/unit/fit/test_tables.c tests/unit/fit/test_terms.c \
	tests/unit/fit/test_tree.c tests/unit/fit/truth.h
tests_unit_test_fit_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_unit_test_fit_LDADD = libscfit.la libscbase.la $(SC_LIBS) $(CRITERION_LIBS)
endif
