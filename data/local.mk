# data/: recordings made by our own mock layers, with provenance
recordingsdir = $(pkgdatadir)/data/recordings/h100_sxm
dist_recordings_DATA = \
	data/recordings/h100_sxm/activation_context.csv \
	data/recordings/h100_sxm/activation_generation.csv \
	data/recordings/h100_sxm/attention_context.csv \
	data/recordings/h100_sxm/attention_generation.csv \
	data/recordings/h100_sxm/embedding_context.csv \
	data/recordings/h100_sxm/embedding_generation.csv \
	data/recordings/h100_sxm/gemm_context.csv \
	data/recordings/h100_sxm/gemm_generation.csv \
	data/recordings/h100_sxm/mla_bmm_context.csv \
	data/recordings/h100_sxm/mla_bmm_generation.csv \
	data/recordings/h100_sxm/mla_context.csv \
	data/recordings/h100_sxm/mla_generation.csv \
	data/recordings/h100_sxm/moe_context.csv \
	data/recordings/h100_sxm/moe_generation.csv \
	data/recordings/h100_sxm/rmsnorm_context.csv \
	data/recordings/h100_sxm/rmsnorm_generation.csv \
	data/recordings/h100_sxm/rope_context.csv \
	data/recordings/h100_sxm/rope_generation.csv \
	data/recordings/h100_sxm/provenance.yaml
