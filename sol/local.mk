# sol/: expressions, exact algebra, op and system definitions, roofline, proofs
noinst_LTLIBRARIES += libscsol.la
libscsol_la_SOURCES = \
	sol/candidate.c \
	sol/dependence.c \
	sol/dtype.c \
	sol/dtype.h \
	sol/exact.c \
	sol/expr.c \
	sol/expr.h \
	sol/expr_internal.h \
	sol/find.c \
	sol/find.h \
	sol/grid.c \
	sol/kernels.c \
	sol/kernels.h \
	sol/kernels_body.h \
	sol/lint.c \
	sol/lint.h \
	sol/llm.c \
	sol/llm.h \
	sol/merge.h \
	sol/mode.c \
	sol/normal.c \
	sol/normal.h \
	sol/normal_exact.c \
	sol/normal_internal.h \
	sol/op.c \
	sol/op.h \
	sol/op_load.c \
	sol/parse.c \
	sol/plan.c \
	sol/plan.h \
	sol/print.c \
	sol/program.c \
	sol/proof.c \
	sol/proof.h \
	sol/proof_internal.h \
	sol/regime.c \
	sol/regime.h \
	sol/roofline.c \
	sol/roofline.h \
	sol/shape.c \
	sol/shape.h \
	sol/sign.c \
	sol/sum.c \
	sol/system.c \
	sol/system.h \
	sol/system_merge.c

soldatadir = $(pkgdatadir)/sol
dist_soldata_DATA = sol/model-keys.yaml

opsdir = $(pkgdatadir)/sol/ops
dist_ops_DATA = \
	sol/ops/activation.yaml \
	sol/ops/all_gather.yaml \
	sol/ops/all_reduce.yaml \
	sol/ops/all_to_all.yaml \
	sol/ops/attention.yaml \
	sol/ops/dsa.yaml \
	sol/ops/dsv4.yaml \
	sol/ops/elementwise.yaml \
	sol/ops/embedding.yaml \
	sol/ops/encoder_attention.yaml \
	sol/ops/gdn.yaml \
	sol/ops/gemm.yaml \
	sol/ops/kda.yaml \
	sol/ops/lm_head.yaml \
	sol/ops/mamba2.yaml \
	sol/ops/mhc.yaml \
	sol/ops/mla.yaml \
	sol/ops/mla_bmm.yaml \
	sol/ops/mla_module.yaml \
	sol/ops/moe.yaml \
	sol/ops/msa.yaml \
	sol/ops/p2p.yaml \
	sol/ops/quantize.yaml \
	sol/ops/reduce_scatter.yaml \
	sol/ops/rmsnorm.yaml \
	sol/ops/rope.yaml

systemsdir = $(pkgdatadir)/sol/systems
dist_systems_DATA = \
	sol/systems/a100_sxm.yaml \
	sol/systems/b200_sxm.yaml \
	sol/systems/h100_sxm.yaml \
	sol/systems/h200_sxm.yaml \
	sol/systems/l40s.yaml

if HAVE_CRITERION
check_PROGRAMS += tests/unit/test_sol
TESTS += tests/unit/test_sol
tests_unit_test_sol_SOURCES = \
	tests/unit/sol/count.c \
	tests/unit/sol/count.h \
	tests/unit/sol/test_counts_a.c \
	tests/unit/sol/test_counts_b.c \
	tests/unit/sol/test_counts_linear.c \
	tests/unit/sol/test_counts_net.c \
	tests/unit/sol/test_dtype.c \
	tests/unit/sol/test_expr.c \
	tests/unit/sol/test_kernels.c \
	tests/unit/sol/test_lint.c \
	tests/unit/sol/test_llm.c \
	tests/unit/sol/test_mode.c \
	tests/unit/sol/test_normal.c \
	tests/unit/sol/test_op.c \
	tests/unit/sol/test_proof.c \
	tests/unit/sol/test_regime.c \
	tests/unit/sol/test_roofline.c \
	tests/unit/sol/test_shape.c \
	tests/unit/sol/test_system.c
tests_unit_test_sol_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_unit_test_sol_LDADD = libscsol.la libscbase.la $(SC_LIBS) $(CRITERION_LIBS)
endif
