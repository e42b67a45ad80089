"""OpenMetrics, under the package name of prometheus_client."""
