# docs/
EXTRA_DIST += \
	docs/audit.md \
	docs/compare.md \
	docs/contract.md \
	docs/decisions.md \
	docs/design.md \
	docs/embedding.md \
	docs/accuracy.md \
	docs/fit.md \
	docs/measure.md \
	docs/mock.md \
	docs/report.md \
	docs/kernels.md \
	docs/op-format.md \
	docs/lint.md \
	docs/slurm-array.sh \
	docs/system-format.md \
	docs/tables.md \
	docs/testing.md \
	docs/validate.md
