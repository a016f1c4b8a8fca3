# lib/: libsolcheck, the shared library of base/, sol/ and fit/ for those who embed them, its
# headers and its pkg-config file.
#
# The library exports what the installed headers declare and nothing else.
lib_LTLIBRARIES = libsolcheck.la
libsolcheck_la_SOURCES =
libsolcheck_la_LIBADD = libscfit.la libscsol.la libscbase.la $(GSL_LIBS) $(FLINT_LIBS) \
	$(YAML_LIBS) $(JANSSON_LIBS) $(LIBS)
# current:revision:age, by the rules of libtool's manual, section "Updating version info".
libsolcheck_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined \
	-export-symbols libsolcheck.sym
EXTRA_libsolcheck_la_DEPENDENCIES = libsolcheck.sym

nobase_pkginclude_HEADERS = \
	base/alloc.h \
	base/codes.h \
	base/diag.h \
	base/export.h \
	base/status.h \
	base/text.h \
	base/yaml.h \
	fit/design.h \
	fit/field.h \
	fit/fit.h \
	sol/dtype.h \
	sol/expr.h \
	sol/lint.h \
	sol/llm.h \
	sol/normal.h \
	sol/op.h \
	sol/proof.h \
	sol/regime.h \
	sol/roofline.h \
	sol/shape.h \
	sol/system.h

pkgconfigdir = $(libdir)/pkgconfig
nodist_pkgconfig_DATA = lib/solcheck.pc
EXTRA_DIST += lib/solcheck.pc.in lib/exports.sh

CLEANFILES += libsolcheck.sym
libsolcheck.sym: $(nobase_pkginclude_HEADERS) lib/exports.sh
	$(AM_V_GEN)$(SHELL) $(srcdir)/lib/exports.sh $(CC) $(DEFS) $(AM_CPPFLAGS) $(CPPFLAGS) \
		$(GSL_CFLAGS) -- $(nobase_pkginclude_HEADERS) > $@.tmp && mv -f $@.tmp $@

# An example that is built against the installed library by tests/install/run.sh.
exampledir = $(docdir)/examples
dist_example_DATA = examples/embed.c
TESTS += tests/install/run.sh
dist_check_SCRIPTS += tests/install/run.sh
