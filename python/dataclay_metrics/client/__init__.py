"""What surrounds the metrics: families, web applications, files and requests to a gateway."""
