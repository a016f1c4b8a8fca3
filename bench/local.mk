# bench/: `make bench` builds and runs the benchmarks; `make` and `make check` do not.
SC_BENCH = bench/bench_fit bench/bench_sol_eval bench/bench_startup
# These work on stores or tables; they have nothing to run by themselves.
SC_COMPARE = bench/bench_loo bench/framework_ratio bench/repeat
EXTRA_PROGRAMS += $(SC_BENCH) $(SC_COMPARE)
CLEANFILES += $(SC_BENCH) $(SC_COMPARE)
EXTRA_DIST += bench/framework_goals.csv bench/framework_ratio.sh bench/repeat.sh bench/decisions.sh

bench_bench_fit_SOURCES = bench/fit.c
bench_bench_fit_LDADD = libscfit.la libscbase.la $(SC_LIBS)

bench_bench_loo_SOURCES = bench/loo.c bench/loo_table.c bench/loo_table.h
bench_bench_loo_LDADD = $(solcheck_LDADD)

bench_bench_sol_eval_SOURCES = bench/sol_eval.c
bench_bench_sol_eval_LDADD = libscsol.la libscbase.la $(SC_LIBS)

bench_bench_startup_SOURCES = bench/startup.c
bench_bench_startup_LDADD = libscsol.la libscbase.la $(SC_LIBS)

bench_framework_ratio_SOURCES = bench/framework_ratio.c
bench_framework_ratio_LDADD = libsccollector.la libscsol.la libscbase.la $(SC_LIBS)

bench_repeat_SOURCES = bench/repeat.c
bench_repeat_LDADD = libscbase.la $(SC_LIBS)

bench: $(SC_BENCH) $(SC_COMPARE) solcheck$(EXEEXT)
	bench/bench_fit
	bench/bench_sol_eval
	bench/bench_startup $(abs_top_builddir)/solcheck$(EXEEXT)
	$(PYTHON3) $(srcdir)/bench/audit.py $(abs_top_builddir)/solcheck$(EXEEXT)
.PHONY: bench
EXTRA_DIST += bench/audit.py
