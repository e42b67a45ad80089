/* Checks the status of wrong input, and that the error names the value and the rule. */
#include <dataclay_metrics.h>

#include "refused.h"
#include "tap.h"

static void metrics(dcm_registry *registry) {
    const dcm_label twice[] = {{"a", "x"}, {"a", "y"}}, reserved[] = {{"__a", "x"}};
    const dcm_label not_utf8[] = {{"a", "\xff"}};
    const char *const names[] = {"a", "__b"}, *const bytes[] = {"\xff"};
    dcm_counter *counter = NULL, *first = NULL;
    dcm_gauge *gauge = NULL;
    dcm_counter_family *family = NULL;
    dcm_dataclay *dataclay = NULL;
    refused_by(dcm_counter_new(registry, "", "", NULL, 0, &counter), DCM_ERROR_METRIC_NAME, "\"\"",
               "must not be empty");
    refused_by(dcm_counter_new(registry, "_total", "", NULL, 0, &counter), DCM_ERROR_METRIC_NAME,
               "\"_total\"", "before _total");
    refused_by(dcm_counter_family_new(registry, "_total", "", names, 1, &family),
               DCM_ERROR_METRIC_NAME, "\"_total\"", "before _total");
    refused_by(dcm_gauge_new(registry, "", "", NULL, 0, &gauge), DCM_ERROR_METRIC_NAME, "\"\"",
               "must not be empty");
    refused_by(dcm_counter_new(registry, "\xc3(", "", NULL, 0, &counter), DCM_ERROR_UTF8, "name=",
               "must be UTF-8");
    refused_by(dcm_counter_new(registry, "a", "\xff", NULL, 0, &counter), DCM_ERROR_UTF8, "help=",
               "must be UTF-8");
    refused_by(dcm_counter_new(registry, "a", "", not_utf8, 1, &counter), DCM_ERROR_UTF8,
               "labels[].value=", "must be UTF-8");
    refused_by(dcm_counter_new(registry, "a", "", twice, 2, &counter), DCM_ERROR_LABEL, "\"a\"",
               "only once");
    refused_by(dcm_counter_new(registry, "a", "", reserved, 1, &counter), DCM_ERROR_LABEL,
               "\"__a\"", "reserved");
    refused_by(dcm_counter_new(registry, "a", "", twice, SIZE_MAX, &counter), DCM_ERROR_ARGUMENT,
               "count=18446744073709551615", "number of elements");
    refused_by(dcm_counter_family_new(registry, "a", "", names, 2, &family), DCM_ERROR_LABEL,
               "\"__b\"", "reserved");
    NEED(dcm_counter_new(registry, "a", "", NULL, 0, &first));
    refused_by(dcm_counter_new(registry, "a", "", NULL, 0, &counter), DCM_ERROR_DUPLICATE,
               "a_total", "conflicts with");
    refused_by(dcm_counter_register(first, registry), DCM_ERROR_DUPLICATE, "a_total",
               "conflicts with");
    NEED(dcm_counter_unregister(first, registry));
    refused_by(dcm_counter_unregister(first, registry), DCM_ERROR_NOT_REGISTERED, "a_total",
               "not registered");
    refused_by(dcm_counter_inc_by_double(first, -1), DCM_ERROR_AMOUNT, "-1", "only goes up");
    refused_by(dcm_dataclay_new(registry, "Backend", &dataclay), DCM_ERROR_SETTING, "Backend",
               "must be backend");
    NEED(dcm_health_register(registry));
    refused_by(dcm_health_register(registry), DCM_ERROR_DUPLICATE, "dataclay_metrics_",
               "conflicts");
    NEED(dcm_health_unregister(registry));
    refused_by(dcm_health_unregister(registry), DCM_ERROR_NOT_REGISTERED, "dataclay_metrics_",
               "not registered");
    NEED(dcm_counter_family_new(registry, "f", "", names, 1, &family));
    refused_by(dcm_counter_family_with_labels(family, names, 2, &counter), DCM_ERROR_LABEL,
               "\"__b\"", "without a label");
    refused_by(dcm_counter_family_with_labels(family, bytes, 1, &counter), DCM_ERROR_UTF8,
               "values=", "must be UTF-8");
    CHECK(counter == NULL && gauge == NULL && dataclay == NULL,
          "no handle is written on an error");
    dcm_counter_family_free(family);
    dcm_counter_free(first);
}

/* Samples of these metric types have a label, whose name no other label may have. */
static void labels_of_samples(dcm_registry *registry) {
    static const dcm_label le[] = {{"le", "x"}};
    static const char *const quantile[] = {"quantile"}, *const door[] = {"door"};
    static const char *const states[] = {"open"};
    dcm_options options = DCM_OPTIONS("door", "");
    dcm_histogram *histogram = NULL;
    dcm_summary_family *summaries = NULL;
    dcm_state_set_family *doors = NULL;
    refused_by(dcm_histogram_new(registry, "h", "", le, 1, &histogram), DCM_ERROR_LABEL, "\"le\"",
               "samples of this metric type");
    refused_by(dcm_summary_family_new(registry, "s", "", quantile, 1, &summaries), DCM_ERROR_LABEL,
               "\"quantile\"", "samples of this metric type");
    options.states = states;
    options.state_count = 1;
    options.label_names = door;
    options.label_name_count = 1;
    refused_by(dcm_state_set_family_new_with(registry, &options, &doors), DCM_ERROR_LABEL,
               "\"door\"", "samples of this metric type");
    CHECK(histogram == NULL && summaries == NULL && doors == NULL,
          "a refused call makes no metric");
}

static void duplicates(dcm_registry *registry) {
    static const dcm_label one_way[] = {{"a", "1"}, {"b", "2"}};
    static const dcm_label other_way[] = {{"b", "2"}, {"a", "1"}};
    static const dcm_label other_values[] = {{"b", "1"}, {"a", "2"}};
    static const char *const names[] = {"c", "d"}, *const more[] = {"c", "e"};
    dcm_counter *first, *second = NULL;
    dcm_gauge *gauge = NULL;
    dcm_gauge_family *family, *refused_family = NULL;
    NEED(dcm_counter_new(registry, "twice", "Help", one_way, 2, &first));
    refused_by(dcm_counter_new(registry, "twice", "Other", other_values, 2, &second),
               DCM_ERROR_DUPLICATE, "\"Other\"", "\"Help\"), which has another help text");
    refused_by(dcm_counter_new(registry, "twice", "Help", one_way, 1, &second), DCM_ERROR_DUPLICATE,
               "twice_total{a=\"1\"} ", "which has other label names");
    refused_by(dcm_counter_new(registry, "twice", "Help", other_way, 2, &second),
               DCM_ERROR_DUPLICATE, "twice_total", "which has the same labels");
    refused_by(dcm_gauge_new(registry, "twice_total", "Help", one_way, 2, &gauge),
               DCM_ERROR_DUPLICATE, "gauge twice_total", "which has another type");
    CHECK(second == NULL && gauge == NULL, "a refused call makes no metric");
    NEED(dcm_counter_new(registry, "twice", "Help", other_values, 2, &second));
    CHECK(second != NULL, "the order of labels makes no difference");
    NEED(dcm_gauge_family_new(registry, "family", "Help", names, 2, &family));
    refused_by(dcm_gauge_family_new(registry, "family", "Help", more, 2, &refused_family),
               DCM_ERROR_DUPLICATE, "family[c, e]", "family[c, d]");
    dcm_gauge_family_free(family);
    dcm_counter_free(second);
    dcm_counter_free(first);
}

static void exporters(dcm_registry *registry) {
    dcm_gateway *gateway = NULL;
    dcm_exporter *exporter = NULL;
    const dcm_label job[] = {{"job", "x"}};
    refused_by(dcm_gateway_new("ftp://x", "j", NULL, 0, &gateway), DCM_ERROR_SETTING, "ftp://x",
               "scheme");
    refused_by(dcm_gateway_new("x:1", "", NULL, 0, &gateway), DCM_ERROR_LABEL, "job", "empty");
    refused_by(dcm_gateway_new("x:1", "j", job, 1, &gateway), DCM_ERROR_LABEL, "job", "once");
    NEED(dcm_gateway_new("127.0.0.1:1", "j", NULL, 0, &gateway));
    refused_by(dcm_gateway_set_timeout(gateway, -1), DCM_ERROR_ARGUMENT, "seconds=-1", "from 0");
    refused_by(dcm_gateway_set_basic_auth(gateway, "a:b", "secret"), DCM_ERROR_ARGUMENT, "\"a:b\"",
               "colon");
    refused_by(dcm_gateway_set_gzip(gateway, 2), DCM_ERROR_ARGUMENT, "gzip=2", "must be 0 or 1");
    refused_by(dcm_gateway_set_format(gateway, DCM_FORMAT_OPENMETRICS), DCM_ERROR_ARGUMENT,
               "format=1", "DCM_FORMAT_PROTOBUF");
    NEED(dcm_gateway_set_format(gateway, DCM_FORMAT_PROTOBUF));
    refused_by(dcm_gateway_set_basic_auth(gateway, "a", "secret\xff"), DCM_ERROR_UTF8, "password=",
               "UTF-8");
    CHECK(strstr(dcm_error_last(), "secret") == NULL, "no error shows a password");
    refused_by(dcm_gateway_push(gateway, registry), DCM_ERROR_PUSH, "127.0.0.1:1", "refused");
    refused_by(dcm_gateway_push_add(gateway, registry), DCM_ERROR_PUSH, "127.0.0.1:1", "refused");
    refused_by(dcm_gateway_delete(gateway), DCM_ERROR_PUSH, "127.0.0.1:1", "refused");
    NEED(dcm_exporter_start_http(registry, "127.0.0.1", 0, &exporter));
    refused_by(dcm_exporter_stop_and_delete(exporter, 1), DCM_ERROR_ABSENT, "a scrape endpoint",
               "has no group");
    NEED(dcm_exporter_stop(exporter, 1));
    dcm_exporter_free(exporter);
    exporter = NULL;
    refused_by(dcm_exporter_start_push(registry, gateway, 0, &exporter), DCM_ERROR_SETTING,
               "interval", "longer than zero");
    refused_by(dcm_exporter_start_push(registry, gateway, 1e300, &exporter), DCM_ERROR_ARGUMENT,
               "interval=1", "to 31536000");
    refused_by(dcm_exporter_start_http(registry, "256.0.0.1", 0, &exporter), DCM_ERROR_LISTEN,
               "256.0.0.1", "cannot listen");
    CHECK(exporter == NULL, "a refused call starts no exporter");
    dcm_gateway_free(gateway);

    dcm_otlp *otlp = NULL;
    refused_by(dcm_otlp_new("ftp://x", "s", "i", &otlp), DCM_ERROR_SETTING, "ftp://x", "scheme");
    NEED(dcm_otlp_new("http://127.0.0.1:1/v1/metrics", "s", "i", &otlp));
    refused_by(dcm_otlp_set_header(otlp, "a b", "secret"), DCM_ERROR_SETTING, "a b", "header");
    CHECK(strstr(dcm_error_last(), "secret") == NULL, "no error shows the value of a header");
    refused_by(dcm_otlp_set_gzip(otlp, 2), DCM_ERROR_ARGUMENT, "gzip=2", "must be 0 or 1");
    NEED(dcm_otlp_set_attribute(otlp, "team", "a"));
    NEED(dcm_otlp_set_timeout(otlp, 1));
    refused_by(dcm_otlp_export(otlp, registry), DCM_ERROR_PUSH, "127.0.0.1:1", "refused");
    refused_by(dcm_exporter_start_otlp(registry, otlp, 0, &exporter), DCM_ERROR_SETTING, "interval",
               "longer than zero");
    dcm_otlp_free(otlp);
}

static void buffers(dcm_registry *registry) {
    char *text;
    size_t length = 0, same = 0;
    CHECK(dcm_registry_encode(registry, DCM_FORMAT_TEXT, NULL, 0, &length) ==
              DCM_ERROR_BUFFER_TOO_SMALL,
          "a capacity of 0 returns the length");
    char *buffer = (char *)malloc(length + 1);
    if (buffer == NULL) {
        exit(1);
    }
    memset(buffer, 'x', length + 1);
    refused_by(dcm_registry_encode(registry, DCM_FORMAT_TEXT, buffer, length, &same),
               DCM_ERROR_BUFFER_TOO_SMALL, "capacity=", "must be at least");
    CHECK(same == length && buffer[0] == 'x', "a buffer that is too small stays unchanged");
    NEED(dcm_registry_encode(registry, DCM_FORMAT_TEXT, buffer, length + 1, &same));
    NEED(dcm_registry_encode_new(registry, DCM_FORMAT_TEXT, &text));
    CHECK(strcmp(buffer, text) == 0 && strlen(buffer) == same,
          "dcm_registry_encode and dcm_registry_encode_new return the same text");
    dcm_string_free(text);
    free(buffer);

    char messages[4096];
    NEED(dcm_registry_encode(registry, DCM_FORMAT_PROTOBUF, messages, sizeof messages, &length));
    CHECK(length > strlen(messages) && memchr(messages, 0, length) != NULL,
          "a protobuf exposition contains NUL bytes");
    text = NULL;
    refused_by(dcm_registry_encode_new(registry, DCM_FORMAT_PROTOBUF, &text), DCM_ERROR_ARGUMENT,
               "format=2", "use dcm_registry_encode");
    CHECK(text == NULL && strncmp(dcm_format_content_type(DCM_FORMAT_PROTOBUF),
                                  "application/vnd.google.protobuf;", 32) == 0,
          "dcm_registry_encode_new refuses protobuf");

    /* C passes any int as an enum. */
    text = NULL;
    refused_by(dcm_registry_expose_created(registry, 2), DCM_ERROR_ARGUMENT, "exposes=2",
               "must be 0 or 1");
    NEED(dcm_registry_expose_created(registry, 1));
    NEED(dcm_registry_expose_created(registry, 0));
    refused_by(dcm_registry_encode_new(registry, (dcm_format)77, &text), DCM_ERROR_ARGUMENT,
               "format=77", "dcm_format");
    CHECK(text == NULL && strcmp(dcm_format_content_type((dcm_format)77), "") == 0,
          "an unknown format is refused");
}

static void long_error(dcm_registry *registry) {
    static char name[4096];
    dcm_gauge *gauge = NULL;
    const char *before = dcm_error_last();
    const dcm_label label = {name, ""};
    memset(name, '_', sizeof name - 1);
    CHECK(dcm_gauge_new(registry, "long", "", &label, 1, &gauge) == DCM_ERROR_LABEL &&
              strlen(dcm_error_last()) == 1023 && before == dcm_error_last(),
          "a long error is cut, and stays at the same address");
}

int main(void) {
    dcm_registry *registry;
    NEED(dcm_registry_new(&registry));
    metrics(registry);
    labels_of_samples(registry);
    duplicates(registry);
    exporters(registry);
    buffers(registry);
    long_error(registry);
    dcm_registry_free(registry);
    for (int status = DCM_OK; status <= DCM_ERROR_OTHER; ++status) {
        CHECK(strcmp(dcm_status_message((dcm_status)status), dcm_status_message((dcm_status)77)),
              dcm_status_message((dcm_status)status));
    }
    CHECK(strstr(dcm_status_message((dcm_status)77), "not a status") != NULL,
          "an unknown status has its own message");
    return tap_end();
}
