# collector/: perf tables: reading, mapping to an op, writing
noinst_LTLIBRARIES += libsccollector.la
libsccollector_la_SOURCES = \
	collector/audit.c \
	collector/audit.h \
	collector/audit_rows.h \
	collector/bounds.c \
	collector/bounds.h \
	collector/casecheck.c \
	collector/cases.c \
	collector/cases.h \
	collector/cases_internal.h \
	collector/cases_values.c \
	collector/cases_visit.c \
	collector/columns.h \
	collector/evidence.c \
	collector/evidence.h \
	collector/compare.c \
	collector/compare.h \
	collector/parquet.c \
	collector/parquet.h \
	collector/parquet_write.c \
	collector/export.c \
	collector/findings.c \
	collector/findings.h \
	collector/keyset.c \
	collector/keyset.h \
	collector/points.c \
	collector/points_bind.c \
	collector/points_cells.c \
	collector/points_groups.c \
	collector/points_internal.h \
	collector/points_keys.c \
	collector/points_phase.c \
	collector/points_rows.c \
	collector/record.c \
	collector/record.h \
	collector/rows.c \
	collector/rows.h \
	collector/store.c \
	collector/store.h \
	collector/store_failed.c \
	collector/store_internal.h \
	collector/store_kernels.c \
	collector/store_schema.c \
	collector/suspect.c \
	collector/table.c \
	collector/table.h \
	collector/tablecheck.c \
	collector/tableplan.c \
	collector/tablerows.c \
	collector/tablerows.h \
	collector/unit.c \
	collector/unit.h \
	collector/values.c \
	collector/values.h \
	collector/validate.h \
	collector/walk.c \
	collector/walk.h

# The Parquet module: C++, built by hand, so that a C++ compiler is needed only for it.
EXTRA_DIST += collector/parquet.cc
if HAVE_PARQUET
parquetdir = $(pkglibdir)
parquet_SCRIPTS = solcheck_parquet.so
CLEANFILES += solcheck_parquet.so
SC_CXX_V = $(SC_CXX_V_$(V))
SC_CXX_V_ = $(SC_CXX_V_$(AM_DEFAULT_VERBOSITY))
SC_CXX_V_0 = @echo "  CXX     " $@;
SC_CXX_V_1 =
solcheck_parquet.so: collector/parquet.cc collector/parquet.h base/status.h
	$(SC_CXX_V)$(PARQUET_CXX) $(PARQUET_CXXFLAGS) -Wall -Wextra -fPIC -fvisibility=hidden \
		-I$(top_srcdir) $(ARROW_CFLAGS) -shared -o $@ $(srcdir)/collector/parquet.cc \
		$(ARROW_LIBS)
endif

if HAVE_CRITERION
check_PROGRAMS += tests/unit/test_collector
TESTS += tests/unit/test_collector
tests_unit_test_collector_SOURCES = \
	tests/unit/collector/fixture.c \
	tests/unit/collector/fixture.h \
	tests/unit/collector/test_audit.c \
	tests/unit/collector/test_cases.c \
	tests/unit/collector/test_findings.c \
	tests/unit/collector/test_keyset.c \
	tests/unit/collector/test_evidence.c \
	tests/unit/collector/test_compare.c \
	tests/unit/collector/test_kernels.c \
	tests/unit/collector/test_parquet.c \
	tests/unit/collector/test_points.c \
	tests/unit/collector/test_record.c \
	tests/unit/collector/test_rows.c \
	tests/unit/collector/test_store.c \
	tests/unit/collector/test_table.c \
	tests/unit/collector/test_unit.c \
	tests/unit/collector/test_values.c \
	tests/unit/collector/test_walk.c
tests_unit_test_collector_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_unit_test_collector_LDADD = libsccollector.la libscsol.la libscbase.la $(SC_LIBS) $(CRITERION_LIBS)
endif
