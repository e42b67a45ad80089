"""Conveniences around the metrics: families, web applications, files, requests to a gateway."""
