# SC_SUMMARY: what is in, what is out, and why.
AC_DEFUN([SC_SUMMARY], [
  AS_IF([test "x$sc_criterion" = xyes], [sc_unit="yes (Criterion)"],
    [sc_unit="no (libcriterion-dev not found: make check runs the scripted tests only)"])
  AS_IF([test "x$sc_gnuplot" = xyes], [sc_plots="yes (gnuplot found)"],
    [sc_plots="at run time, once gnuplot is installed (not found now)"])
  cat <<_SCEOF

solcheck $PACKAGE_VERSION
  symbolic SOL, fits     yes (FLINT, GSL, libyaml, jansson)
  record store           yes (SQLite)
  plots                  $sc_plots
  Parquet module         $sc_parquet ($sc_parquet_why)
  CUDA module            $sc_cuda ($sc_cuda_why)
  cuDNN route            $sc_cudnn ($sc_cudnn_why)
  unit tests             $sc_unit
  extra options          ${sc_options:-none}
  prefix                 $prefix

_SCEOF
])
