# bench/: `make bench` builds and runs the benchmarks; `make` and `make check` do not.
SC_BENCH = bench/bench_fit bench/bench_sol_eval bench/bench_startup
EXTRA_PROGRAMS += $(SC_BENCH)
CLEANFILES += $(SC_BENCH)

bench_bench_fit_SOURCES = bench/fit.c
bench_bench_fit_LDADD = libscfit.la libscbase.la $(SC_LIBS)

bench_bench_sol_eval_SOURCES = bench/sol_eval.c
bench_bench_sol_eval_LDADD = libscsol.la libscbase.la $(SC_LIBS)

bench_bench_startup_SOURCES = bench/startup.c
bench_bench_startup_LDADD = libscsol.la libscbase.la $(SC_LIBS)

bench: $(SC_BENCH) solcheck$(EXEEXT)
	bench/bench_fit
	bench/bench_sol_eval
	bench/bench_startup $(abs_top_builddir)/solcheck$(EXEEXT)
	$(PYTHON3) $(srcdir)/bench/audit.py $(abs_top_builddir)/solcheck$(EXEEXT)
.PHONY: bench
EXTRA_DIST += bench/audit.py
