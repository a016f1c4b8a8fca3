# cli/: the solcheck command
noinst_LTLIBRARIES += libsccli.la
libsccli_la_SOURCES = \
	cli/audit.c \
	cli/audit.h \
	cli/audit_file.c \
	cli/audit_html.c \
	cli/audit_print.c \
	cli/audit_turn.c \
	cli/calibrate.c \
	cli/cases.c \
	cli/check.c \
	cli/command.c \
	cli/compare.c \
	cli/compare.h \
	cli/compare_keys.c \
	cli/compare_print.c \
	cli/decide.c \
	cli/design.c \
	cli/design.h \
	cli/design_cases.c \
	cli/design_curve.c \
	cli/design_print.c \
	cli/eval.c \
	cli/eval.h \
	cli/eval_many.c \
	cli/explain.c \
	cli/export.c \
	cli/findings.c \
	cli/findings.h \
	cli/fit.c \
	cli/fitting.c \
	cli/fitting.h \
	cli/json.c \
	cli/json.h \
	cli/layer_doc.c \
	cli/library.c \
	cli/library.h \
	cli/lint.c \
	cli/list.c \
	cli/listed.c \
	cli/measure.c \
	cli/measurements.c \
	cli/model.c \
	cli/options.c \
	cli/options.h \
	cli/point.c \
	cli/plan.c \
	cli/plan.h \
	cli/plan_print.c \
	cli/plot.c \
	cli/runner.c \
	cli/runner.h \
	cli/session.c \
	cli/session.h \
	cli/speed.c \
	cli/study.c \
	cli/study.h \
	cli/sweep.c \
	cli/sweep.h \
	cli/validate.c
nodist_libsccli_la_SOURCES = cli/commit.h

bin_PROGRAMS += solcheck
solcheck_SOURCES = cli/main.c
solcheck_LDADD = libsccli.la libscreports.la libscfit.la libsccollector.la libscmock.la libscsol.la \
	libscbase.la $(SC_LIBS)

# The commit that recordings name; rewritten only when it changes.
BUILT_SOURCES += cli/commit.h
CLEANFILES += cli/commit.h
# BUILT_SOURCES serve `make all` and `make check` alone, not `make solcheck`. Order only:
# which objects a new commit makes stale is known from what they include.
$(libsccli_la_OBJECTS): | cli/commit.h
cli/commit.h: sc-always
	@$(MKDIR_P) cli
	@commit=`git -C '$(srcdir)' describe --always --dirty --abbrev=12 2>/dev/null || echo unknown`; \
	echo "#define SC_COMMIT \"$$commit\"" > $@.tmp; \
	if cmp -s $@.tmp $@; then rm -f $@.tmp; else mv -f $@.tmp $@; fi
.PHONY: sc-always
sc-always:

if HAVE_CRITERION
check_PROGRAMS += tests/unit/test_cli
TESTS += tests/unit/test_cli
tests_unit_test_cli_SOURCES = tests/unit/cli/test_allocation.c tests/unit/cli/test_audit_turn.c \
	tests/unit/cli/test_tables_allocation.c
tests_unit_test_cli_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_unit_test_cli_LDADD = $(solcheck_LDADD) $(CRITERION_LIBS)
endif
