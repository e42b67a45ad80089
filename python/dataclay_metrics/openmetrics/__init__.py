"""OpenMetrics, under the name that prometheus_client has for this package."""
