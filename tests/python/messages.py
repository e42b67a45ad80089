"""Decodes messages of Prometheus and OTLP with Google's protobuf library.

The tables list the fields that a test reads, as in the published .proto files:
https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto
https://github.com/open-telemetry/opentelemetry-proto
"""

from typing import Any

from google.protobuf import (  # type: ignore[import-untyped]
    descriptor_pb2,
    descriptor_pool,
    message_factory,
)
from google.protobuf.internal.decoder import _DecodeVarint  # type: ignore[import-untyped]

CONTENT_TYPE = (
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
)

# The numbers of FieldDescriptorProto.Type. The tables declare an enum as int32.
TYPES = {
    "double": 1,
    "int64": 3,
    "uint64": 4,
    "int32": 5,
    "fixed64": 6,
    "bool": 8,
    "string": 9,
    "bytes": 12,
    "uint32": 13,
    "sfixed64": 16,
    "sint32": 17,
    "sint64": 18,
}

PROMETHEUS = {
    "Timestamp": "int64 seconds=1, int32 nanos=2",
    "LabelPair": "string name=1, string value=2",
    "Gauge": "double value=1",
    "Counter": "double value=1, Exemplar exemplar=2, Timestamp created_timestamp=3",
    "Quantile": "double quantile=1, double value=2",
    "Summary": "uint64 sample_count=1, double sample_sum=2, *Quantile quantile=3,"
    " Timestamp created_timestamp=4",
    "Untyped": "double value=1",
    "Histogram": "uint64 sample_count=1, double sample_count_float=4, double sample_sum=2,"
    " *Bucket bucket=3, Timestamp created_timestamp=15, sint32 schema=5, double zero_threshold=6,"
    " uint64 zero_count=7, *BucketSpan negative_span=9, *sint64 negative_delta=10,"
    " *BucketSpan positive_span=12, *sint64 positive_delta=13, *Exemplar exemplars=16",
    "Bucket": "uint64 cumulative_count=1, double cumulative_count_float=4, double upper_bound=2,"
    " Exemplar exemplar=3",
    "BucketSpan": "sint32 offset=1, uint32 length=2",
    "Exemplar": "*LabelPair label=1, double value=2, Timestamp timestamp=3",
    "Metric": "*LabelPair label=1, Gauge gauge=2, Counter counter=3, Summary summary=4,"
    " Untyped untyped=5, Histogram histogram=7, ?int64 timestamp_ms=6",
    "MetricFamily": "string name=1, string help=2, int32 type=3, *Metric metric=4, string unit=5",
}

OTLP = {
    "AnyValue": "string string_value=1",
    "KeyValue": "string key=1, AnyValue value=2",
    "Resource": "*KeyValue attributes=1",
    "Scope": "string name=1, string version=2",
    "Exemplar": "*KeyValue filtered_attributes=7, fixed64 time_unix_nano=2, double as_double=3,"
    " bytes span_id=4, bytes trace_id=5",
    "NumberDataPoint": "*KeyValue attributes=7, fixed64 start_time_unix_nano=2,"
    " fixed64 time_unix_nano=3, ?double as_double=4, ?sfixed64 as_int=6, *Exemplar exemplars=5",
    "HistogramDataPoint": "*KeyValue attributes=9, fixed64 start_time_unix_nano=2,"
    " fixed64 time_unix_nano=3, fixed64 count=4, ?double sum=5, *fixed64 bucket_counts=6,"
    " *double explicit_bounds=7, *Exemplar exemplars=8",
    "Buckets": "sint32 offset=1, *uint64 bucket_counts=2",
    "ExponentialHistogramDataPoint": "*KeyValue attributes=1, fixed64 start_time_unix_nano=2,"
    " fixed64 time_unix_nano=3, fixed64 count=4, ?double sum=5, sint32 scale=6,"
    " fixed64 zero_count=7, Buckets positive=8, Buckets negative=9, *Exemplar exemplars=11,"
    " double zero_threshold=14",
    "ValueAtQuantile": "double quantile=1, double value=2",
    "SummaryDataPoint": "*KeyValue attributes=7, fixed64 start_time_unix_nano=2,"
    " fixed64 time_unix_nano=3, fixed64 count=4, double sum=5, *ValueAtQuantile quantile_values=6",
    "Gauge": "*NumberDataPoint data_points=1",
    "Sum": "*NumberDataPoint data_points=1, int32 aggregation_temporality=2, bool is_monotonic=3",
    "Histogram": "*HistogramDataPoint data_points=1, int32 aggregation_temporality=2",
    "ExponentialHistogram": "*ExponentialHistogramDataPoint data_points=1,"
    " int32 aggregation_temporality=2",
    "Summary": "*SummaryDataPoint data_points=1",
    "Metric": "string name=1, string description=2, string unit=3, Gauge gauge=5, Sum sum=7,"
    " Histogram histogram=9, ExponentialHistogram exponential_histogram=10, Summary summary=11",
    "ScopeMetrics": "Scope scope=1, *Metric metrics=2",
    "ResourceMetrics": "Resource resource=1, *ScopeMetrics scope_metrics=2",
    "ExportMetricsServiceRequest": "*ResourceMetrics resource_metrics=1",
    "PartialSuccess": "int64 rejected_data_points=1, string error_message=2",
    "ExportMetricsServiceResponse": "PartialSuccess partial_success=1",
}


def _classes(package: str, messages: dict[str, str]) -> dict[str, Any]:
    """Returns a class for each message, whose fields are `[*?]TYPE NAME=NUMBER`.

    `*` marks a repeated field, and `?` an optional one.
    """
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package)
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field in fields.split(", "):
            kind, _, rest = field.partition(" ")
            label, number = rest.split("=")
            added = message.field.add(name=label, number=int(number), label=1)
            if kind.startswith("*"):
                added.label = 3
            kind = kind.lstrip("*?")
            if kind in TYPES:
                added.type = TYPES[kind]
            else:
                added.type, added.type_name = 11, f".{package}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    found = {}
    for name in messages:
        descriptor = pool.FindMessageTypeByName(f"{package}.{name}")
        found[name] = message_factory.GetMessageClass(descriptor)
    return found


_FAMILY = _classes("io.prometheus.client", PROMETHEUS)["MetricFamily"]
_OTLP = _classes("otlp", OTLP)

# The types of a family, and the field of its metrics for each type.
COUNTER, GAUGE, SUMMARY, UNTYPED, HISTOGRAM, GAUGE_HISTOGRAM = range(6)
FIELDS = {
    COUNTER: "counter",
    GAUGE: "gauge",
    SUMMARY: "summary",
    UNTYPED: "untyped",
    HISTOGRAM: "histogram",
    GAUGE_HISTOGRAM: "histogram",
}


def families(delimited: bytes) -> list[Any]:
    """Returns the families of an exposition in protobuf."""
    found, at = [], 0
    while at < len(delimited):
        length, at = _DecodeVarint(delimited, at)
        assert at + length <= len(delimited), "the last message is incomplete"
        family = _FAMILY.FromString(delimited[at : at + length])
        at += length
        assert family.IsInitialized()
        found.append(family)
    return found


def request(body: bytes) -> Any:
    """Decodes an `ExportMetricsServiceRequest` of OTLP."""
    return _OTLP["ExportMetricsServiceRequest"].FromString(body)


def response(rejected: int, message: str) -> bytes:
    """Encodes an `ExportMetricsServiceResponse` of OTLP."""
    made = _OTLP["ExportMetricsServiceResponse"]()
    made.partial_success.rejected_data_points = rejected
    made.partial_success.error_message = message
    encoded: bytes = made.SerializeToString()
    return encoded
