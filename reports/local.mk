# reports/: note, JSON, summary, cases, query signature, parameters, plots
noinst_LTLIBRARIES += libscreports.la
libscreports_la_SOURCES = \
	reports/analysis.c \
	reports/analysis_json.c \
	reports/cases.c \
	reports/doc.c \
	reports/doc.h \
	reports/explain.c \
	reports/facts.c \
	reports/figure_draw.c \
	reports/figures.c \
	reports/figures.h \
	reports/format.c \
	reports/gnuplot.c \
	reports/html.c \
	reports/html.h \
	reports/internal.h \
	reports/json.c \
	reports/markdown.c \
	reports/mathml.c \
	reports/modes.c \
	reports/note.c \
	reports/note.h \
	reports/note_evidence.c \
	reports/parameters.c \
	reports/plot.c \
	reports/plot.h \
	reports/plot_data.c \
	reports/query_signature.c \
	reports/regions.c \
	reports/report.h \
	reports/study.c \
	reports/summary.c \
	reports/sweep.c \
	reports/write.c

if HAVE_CRITERION
check_PROGRAMS += tests/unit/test_reports
TESTS += tests/unit/test_reports
tests_unit_test_reports_SOURCES = \
	tests/unit/reports/study.c \
	tests/unit/reports/study.h \
	tests/unit/reports/test_cases.c \
	tests/unit/reports/test_figures.c \
	tests/unit/reports/test_format.c \
	tests/unit/reports/test_html.c \
	tests/unit/reports/test_json.c \
	tests/unit/reports/test_memory.c \
	tests/unit/reports/test_query.c tests/unit/reports/test_regions.c \
	tests/unit/reports/test_text.c \
	tests/unit/reports/test_write.c
tests_unit_test_reports_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_unit_test_reports_LDADD = libscreports.la libscfit.la libsccollector.la libscsol.la \
	libscbase.la $(SC_LIBS) $(CRITERION_LIBS)
endif
