/* Tests counters, gauges, families, exemplars and registries. */
#include <dataclay_metrics.h>

#include "exposition.h"
#include "refused.h"
#include "tap.h"

static dcm_registry *registry;

static int exposed(const char *lines) {
    return exposes(registry, DCM_FORMAT_TEXT, lines);
}

static void counters(void) {
    const dcm_label labels[] = {{"region", "eu"}, {"disk", "a\"b\\c"}};
    dcm_counter *plain, *labelled;
    uint64_t whole = 0;
    double sum = 0;
    NEED(dcm_counter_new(registry, "requests", "Requests served", NULL, 0, &plain));
    NEED(dcm_counter_new(registry, "reads_total", "", labels, 2, &labelled));
    dcm_counter_inc(plain);
    dcm_counter_inc_by(plain, 41);
    NEED(dcm_counter_get(plain, &whole));
    CHECK(whole == 42, "a counter counts");
    CHECK(exposed("\nrequests_total 42\n"), "the name of a counter gets the suffix _total");
    CHECK(exposed("reads_total{region=\"eu\",disk=\"a\\\"b\\\\c\"} 0\n"), "labels are escaped");
    NEED(dcm_counter_inc_by_double(plain, 0.5));
    NEED(dcm_counter_get(plain, &whole));
    NEED(dcm_counter_get_double(plain, &sum));
    CHECK(whole == 42 && sum == 42.5, "an amount may have a fraction");
    dcm_counter_inc_by(labelled, UINT64_MAX);
    CHECK(exposed("} 18446744073709551615\n"), "a count is exact up to 2^64");

    NEED(dcm_counter_unregister(plain, registry));
    CHECK(!exposed("requests_total"), "an unregistered counter is not exposed");
    dcm_counter_inc(plain);
    NEED(dcm_counter_register(plain, registry));
    CHECK(exposed("\nrequests_total 43.5\n"), "an unregistered counter still counts");
    dcm_counter_free(plain);
    CHECK(exposed("\nrequests_total 43.5\n"), "a registry keeps a counter whose handle is freed");
    dcm_counter_free(labelled);
}

static int freed;

static int boxed_value(void *user_data, double *value) {
    *value = *(double *)user_data;
    return *value < 0;
}

static void count_free(void *user_data) {
    free(user_data);
    ++freed;
}

static double *boxed(double value) {
    double *box = (double *)malloc(sizeof *box);
    if (box == NULL) {
        exit(1);
    }
    *box = value;
    return box;
}

static void gauges(void) {
    dcm_gauge *gauge;
    double value = 0;
    NEED(dcm_gauge_new(registry, "waiting", "Requests that wait", NULL, 0, &gauge));
    dcm_gauge_set(gauge, 3);
    dcm_gauge_inc(gauge);
    dcm_gauge_dec(gauge);
    dcm_gauge_inc_by(gauge, 0.75);
    dcm_gauge_dec_by(gauge, 0.25);
    NEED(dcm_gauge_get(gauge, &value));
    CHECK(value == 3.5, "a gauge goes up and down");
    CHECK(exposed("\nwaiting 3.5\n"), "a gauge is exposed");

    NEED(dcm_gauge_set_function(gauge, boxed_value, boxed(7), count_free));
    NEED(dcm_gauge_get(gauge, &value));
    CHECK(value == 7 && exposed("\nwaiting 7\n"), "a gauge takes its value from its function");
    NEED(dcm_gauge_set_function(gauge, boxed_value, boxed(-1), count_free));
    CHECK(freed == 1, "a function that is replaced frees its user data");
    CHECK(dcm_gauge_get(gauge, &value) == DCM_ERROR_ABSENT && value == 7,
          "a function may return no value");
    CHECK(!exposed("\nwaiting "), "a gauge without a value is skipped");
    CHECK(dcm_gauge_set_function(gauge, NULL, &value, count_free) == DCM_ERROR_NULL && freed == 1,
          "an error does not free the user data");
    NEED(dcm_gauge_unregister(gauge, registry));
    NEED(dcm_gauge_register(gauge, registry));
    NEED(dcm_gauge_unregister(gauge, registry));
    CHECK(freed == 1, "a gauge whose handle lives keeps its function");
    dcm_gauge_free(gauge);
    CHECK(freed == 2, "the user data is freed with the gauge");
}

static void families(void) {
    const char *names[] = {"method", "code"};
    const char *get[] = {"get", "200"}, *post[] = {"post", "201"};
    dcm_counter_family *requests;
    dcm_gauge_family *sizes;
    dcm_counter *child, *same;
    dcm_gauge *size;
    uint64_t count = 0;
    NEED(dcm_counter_family_new(registry, "served", "Requests served", names, 2, &requests));
    NEED(dcm_counter_family_with_labels(requests, get, 2, &child));
    NEED(dcm_counter_family_with_labels(requests, get, 2, &same));
    dcm_counter_inc(child);
    dcm_counter_inc(same);
    NEED(dcm_counter_get(child, &count));
    CHECK(count == 2, "the same label values return the same child");
    CHECK(exposed("\nserved_total{method=\"get\",code=\"200\"} 2\n"), "a child is exposed");
    NEED(dcm_counter_family_remove(requests, get, 2));
    CHECK(!exposed("\nserved_total{"), "a removed child is not exposed");
    CHECK(dcm_counter_family_remove(requests, get, 2) == DCM_ERROR_ABSENT,
          "a child cannot be removed twice");
    dcm_counter_inc(child);
    dcm_counter_free(child);
    dcm_counter_free(same);
    NEED(dcm_counter_family_with_labels(requests, post, 2, &child));
    dcm_counter_free(child);
    CHECK(exposed("\nserved_total{method=\"post\",code=\"201\"} 0\n"),
          "a family keeps a child whose handle is freed");
    NEED(dcm_counter_family_clear(requests));
    CHECK(!exposed("\nserved_total{"), "all children can be removed");
    CHECK(dcm_counter_family_with_labels(requests, get, 1, &child) == DCM_ERROR_LABEL,
          "each label needs a value");
    NEED(dcm_counter_family_unregister(requests, registry));
    NEED(dcm_counter_family_register(requests, registry));
    dcm_counter_family_free(requests);

    NEED(dcm_gauge_family_new(registry, "size", "Bytes", names, 1, &sizes));
    NEED(dcm_gauge_family_with_labels(sizes, get, 1, &size));
    dcm_gauge_set(size, 1.5);
    CHECK(exposed("\nsize{method=\"get\"} 1.5\n"), "gauges have families too");
    NEED(dcm_gauge_family_remove(sizes, get, 1));
    NEED(dcm_gauge_family_clear(sizes));
    NEED(dcm_gauge_family_unregister(sizes, registry));
    NEED(dcm_gauge_family_register(sizes, registry));
    dcm_gauge_free(size);
    dcm_gauge_family_free(sizes);
}

static void exemplars(void) {
    char long_value[200] = "";
    const dcm_label id[] = {{"trace_id", "7b"}}, other[] = {{"trace_id", "7c"}, {"span", "1"}};
    const dcm_label long_id[] = {{"id", long_value}}, twice[] = {{"a", "1"}, {"a", "2"}};
    dcm_counter *hits;
    dcm_histogram *wait;
    uint64_t count = 0;
    double sum = 0;
    memset(long_value, 'x', 127);
    NEED(dcm_counter_new(registry, "traced", "", NULL, 0, &hits));
    NEED(dcm_histogram_new(registry, "traced_seconds", "", NULL, 0, &wait));
    NEED(dcm_counter_inc_by_with_exemplar(hits, 1, other, 2));
    NEED(dcm_counter_inc_by_with_exemplar(hits, 0.5, id, 1));
    CHECK(exposes(registry, DCM_FORMAT_OPENMETRICS, "\ntraced_total 1.5 # {trace_id=\"7b\"} 0.5 "),
          "a counter has an exemplar");
    NEED(dcm_histogram_observe_with_exemplar(wait, 0.3, id, 1));
    NEED(dcm_histogram_observe_with_exemplar(wait, 0.4, other, 2));
    NEED(dcm_histogram_observe_with_exemplar(wait, 99, NULL, 0));
    CHECK(exposes(registry, DCM_FORMAT_OPENMETRICS,
                  "_bucket{le=\"0.5\"} 2 # {trace_id=\"7c\",span=\"1\"} 0.4 "),
          "a bucket has the last exemplar");
    CHECK(exposes(registry, DCM_FORMAT_OPENMETRICS, "_bucket{le=\"+Inf\"} 3 # {} 99 "),
          "an exemplar may have no labels");

    refused_by(dcm_counter_inc_by_with_exemplar(hits, 1, long_id, 1), DCM_ERROR_SETTING, "exemplar",
               "at most 128 characters");
    refused_by(dcm_histogram_observe_with_exemplar(wait, 1, long_id, 1), DCM_ERROR_SETTING,
               "exemplar", "at most 128 characters");
    refused_by(dcm_counter_inc_by_with_exemplar(hits, -1, id, 1), DCM_ERROR_AMOUNT, "-1",
               "only goes up");
    refused(dcm_counter_inc_by_with_exemplar(hits, 1, twice, 2), DCM_ERROR_LABEL, "label \"a\": ");
    refused(dcm_histogram_observe_with_exemplar(wait, 1, twice, 2), DCM_ERROR_LABEL,
            "label \"a\": ");
    NEED(dcm_counter_get_double(hits, &sum));
    NEED(dcm_histogram_get_count(wait, &count));
    CHECK(sum == 1.5 && count == 3, "a refused call counts nothing");
    dcm_counter_free(hits);
    dcm_histogram_free(wait);
}

static void dataclay(void) {
    const char *roles[] = {"backend", "client", "metadata", "proxy"};
    const size_t families[] = {5, 3, 0, 0};
    for (int role = 0; role < 4; ++role) {
        dcm_dataclay *five;
        size_t found = 0;
        char *text, what[64];
        dcm_registry_free(registry);
        NEED(dcm_registry_new(&registry));
        NEED(dcm_dataclay_new(registry, roles[role], &five));
        NEED(dcm_registry_encode_new(registry, DCM_FORMAT_TEXT, &text));
        for (const char *at = text; (at = strstr(at, "# TYPE dataclay_")) != NULL; ++at) {
            ++found;
        }
        snprintf(what, sizeof what, "the role %s exposes %zu families", roles[role],
                 families[role]);
        CHECK(found == families[role], what);
        dcm_string_free(text);
        dcm_counter_inc(dcm_dataclay_inmemory_hits_total(five));
        dcm_counter_inc_by(dcm_dataclay_inmemory_misses_total(five), 2);
        dcm_gauge_set(dcm_dataclay_inmemory_objects(five), 3);
        dcm_gauge_set(dcm_dataclay_loaded_objects(five), 4);
        dcm_gauge_set(dcm_dataclay_stored_objects(five), 5);
        if (role == 0) {
            CHECK(exposed("\ndataclay_inmemory_hits_total 1\n") &&
                      exposed("\ndataclay_inmemory_misses_total 2\n") &&
                      exposed("\ndataclay_inmemory_objects 3\n") &&
                      exposed("\ndataclay_loaded_objects 4\n") &&
                      exposed("\ndataclay_stored_objects 5\n"),
                  "the five metrics of dataClay are exposed");
            dcm_dataclay *again = NULL;
            CHECK(dcm_dataclay_new(registry, "client", &again) == DCM_ERROR_DUPLICATE &&
                      again == NULL && exposed("\ndataclay_inmemory_hits_total 1\n"),
                  "a registry takes the metrics of dataClay only once");
        }
        dcm_dataclay_free(five);
    }
}

static void health(void) {
    NEED(dcm_health_register(registry));
    CHECK(exposed("\ndataclay_metrics_scrapes_total 0\n"), "the library has metrics about itself");
    CHECK(dcm_health_register(registry) == DCM_ERROR_DUPLICATE,
          "a registry takes the metrics about the library only once");
    NEED(dcm_health_unregister(registry));
    CHECK(!exposed("\ndataclay_metrics_scrapes_total"),
          "the metrics about the library can be unregistered");
}

int main(void) {
    NEED(dcm_registry_new(&registry));
    counters();
    gauges();
    families();
    exemplars();
    dataclay();
    health();
    dcm_registry_free(registry);
    CHECK(strcmp(dcm_version(), DCM_VERSION) == 0, "the library has the header's version");
    char numbers[32];
    snprintf(numbers, sizeof numbers, "%d.%d.%d", DCM_VERSION_MAJOR, DCM_VERSION_MINOR,
             DCM_VERSION_PATCH);
    CHECK(strcmp(numbers, DCM_VERSION) == 0, "the three numbers of the version form DCM_VERSION");
    CHECK(strncmp(dcm_format_content_type(DCM_FORMAT_TEXT), "text/plain; version=0.0.4", 25) == 0,
          "the text format has version 0.0.4");
    CHECK(strstr(dcm_format_content_type(DCM_FORMAT_OPENMETRICS), "openmetrics-text") != NULL,
          "OpenMetrics has its content type");
    CHECK(strcmp(dcm_format_content_type(DCM_FORMAT_TEXT_UTF8),
                 "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8") == 0,
          "the text format for UTF-8 names has version 1.0.0");
    return tap_end();
}
