"""The subcommands of ``dataclay-metrics``, one module each."""
