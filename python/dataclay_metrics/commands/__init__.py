"""The subcommands of ``dataclay-metrics``, a module each."""
