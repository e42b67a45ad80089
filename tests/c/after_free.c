/* Every handle still works after its registry, its family or its gateway was freed. library.py
 * checks that this file calls each function of a handle other than the registry. */
#include <dataclay_metrics.h>

#include "http.h"
#include "tap.h"

static double seven = 7;
static int freed;

static int read_number(void *user_data, double *value) {
    *value = *(double *)user_data;
    return 0;
}

static void count_free(void *user_data) {
    (void)user_data;
    ++freed;
}

static void counters(dcm_counter *counter, dcm_registry *other) {
    uint64_t whole = 0;
    double sum = 0;
    dcm_counter_inc(counter);
    dcm_counter_inc_by(counter, 2);
    NEED(dcm_counter_inc_by_double(counter, 0.5));
    NEED(dcm_counter_inc_by_with_exemplar(counter, 1, NULL, 0));
    NEED(dcm_counter_get(counter, &whole));
    NEED(dcm_counter_get_double(counter, &sum));
    CHECK(whole == 4 && sum == 4.5, "a counter still counts");
    NEED(dcm_counter_register(counter, other));
    NEED(dcm_counter_unregister(counter, other));
    CHECK(dcm_counter_unregister(counter, other) == DCM_ERROR_NOT_REGISTERED,
          "a counter can be unregistered from another registry");
    NEED(dcm_counter_register(counter, other));
    dcm_counter_free(counter);
}

static void gauges(dcm_gauge *gauge, dcm_registry *other) {
    double value = 0;
    dcm_gauge_set(gauge, 1);
    dcm_gauge_inc(gauge);
    dcm_gauge_dec(gauge);
    dcm_gauge_inc_by(gauge, 2);
    dcm_gauge_dec_by(gauge, 0.5);
    NEED(dcm_gauge_get(gauge, &value));
    CHECK(value == 2.5, "a gauge still works");
    NEED(dcm_gauge_register(gauge, other));
    NEED(dcm_gauge_unregister(gauge, other));
    NEED(dcm_gauge_set_function(gauge, read_number, &seven, count_free));
    NEED(dcm_gauge_get(gauge, &value));
    CHECK(value == 7, "a gauge still calls its function");
    dcm_gauge_free(gauge);
}

static void families(dcm_counter_family *counter_family, dcm_gauge_family *gauge_family,
                     dcm_counter *child, dcm_registry *other) {
    const char *const x[] = {"x"};
    dcm_counter *late;
    dcm_gauge *gauge;
    uint64_t count = 0;
    NEED(dcm_counter_family_with_labels(counter_family, x, 1, &late));
    dcm_counter_inc(child);
    dcm_counter_inc(late);
    NEED(dcm_counter_get(child, &count));
    CHECK(count == 2, "a family keeps its children");
    NEED(dcm_counter_family_register(counter_family, other));
    NEED(dcm_counter_family_remove(counter_family, x, 1));
    NEED(dcm_counter_family_clear(counter_family));
    NEED(dcm_counter_family_unregister(counter_family, other));
    dcm_counter_family_free(counter_family);
    dcm_counter_inc(late);
    NEED(dcm_counter_get(child, &count));
    CHECK(count == 3, "a child still counts after its family was freed");
    dcm_counter_free(child);
    dcm_counter_free(late);

    NEED(dcm_gauge_family_with_labels(gauge_family, x, 1, &gauge));
    NEED(dcm_gauge_family_register(gauge_family, other));
    NEED(dcm_gauge_family_remove(gauge_family, x, 1));
    NEED(dcm_gauge_family_clear(gauge_family));
    NEED(dcm_gauge_family_unregister(gauge_family, other));
    dcm_gauge_family_free(gauge_family);
    dcm_gauge_set(gauge, 1);
    dcm_gauge_free(gauge);
}

static void observers(dcm_histogram *histogram, dcm_summary *summary, dcm_registry *other) {
    uint64_t count = 0;
    double sum = 0;
    dcm_histogram_observe(histogram, 0.5);
    dcm_histogram_observe_n(histogram, 2, 3);
    NEED(dcm_histogram_observe_with_exemplar(histogram, 1, NULL, 0));
    NEED(dcm_histogram_get_count(histogram, &count));
    NEED(dcm_histogram_get_sum(histogram, &sum));
    CHECK(count == 5 && sum == 7.5, "a histogram still observes");
    NEED(dcm_histogram_register(histogram, other));
    NEED(dcm_histogram_unregister(histogram, other));
    dcm_histogram_free(histogram);
    dcm_summary_observe(summary, 0.5);
    dcm_summary_observe_n(summary, 2, 3);
    NEED(dcm_summary_get_count(summary, &count));
    NEED(dcm_summary_get_sum(summary, &sum));
    CHECK(count == 4 && sum == 6.5, "a summary still observes");
    NEED(dcm_summary_register(summary, other));
    NEED(dcm_summary_unregister(summary, other));
    dcm_summary_free(summary);
}

static void states_and_info(dcm_state_set *state_set, dcm_info *info, dcm_registry *other) {
    const dcm_label version[] = {{"version", "2"}};
    NEED(dcm_state_set_set(state_set, "b"));
    CHECK(dcm_state_set_set(state_set, "c") == DCM_ERROR_SETTING,
          "a state set still refuses an unknown state");
    NEED(dcm_info_set(info, version, 1));
    NEED(dcm_state_set_register(state_set, other));
    NEED(dcm_state_set_unregister(state_set, other));
    NEED(dcm_info_register(info, other));
    NEED(dcm_info_unregister(info, other));
    dcm_state_set_free(state_set);
    dcm_info_free(info);
}

/* Uses a family of each other type after its registry, and each child after its family. */
static void other_families(dcm_histogram_family *histograms, dcm_summary_family *summaries,
                           dcm_state_set_family *state_sets, dcm_info_family *infos,
                           dcm_registry *other) {
    const char *const x[] = {"x"};
    dcm_histogram *histogram;
    dcm_summary *summary;
    dcm_state_set *state_set;
    dcm_info *info;
    NEED(dcm_histogram_family_with_labels(histograms, x, 1, &histogram));
    NEED(dcm_histogram_family_register(histograms, other));
    NEED(dcm_histogram_family_remove(histograms, x, 1));
    NEED(dcm_histogram_family_clear(histograms));
    NEED(dcm_histogram_family_unregister(histograms, other));
    dcm_histogram_family_free(histograms);
    NEED(dcm_summary_family_with_labels(summaries, x, 1, &summary));
    NEED(dcm_summary_family_register(summaries, other));
    NEED(dcm_summary_family_remove(summaries, x, 1));
    NEED(dcm_summary_family_clear(summaries));
    NEED(dcm_summary_family_unregister(summaries, other));
    dcm_summary_family_free(summaries);
    NEED(dcm_state_set_family_with_labels(state_sets, x, 1, &state_set));
    NEED(dcm_state_set_family_register(state_sets, other));
    NEED(dcm_state_set_family_remove(state_sets, x, 1));
    NEED(dcm_state_set_family_clear(state_sets));
    NEED(dcm_state_set_family_unregister(state_sets, other));
    dcm_state_set_family_free(state_sets);
    NEED(dcm_info_family_with_labels(infos, x, 1, &info));
    NEED(dcm_info_family_register(infos, other));
    NEED(dcm_info_family_remove(infos, x, 1));
    NEED(dcm_info_family_clear(infos));
    NEED(dcm_info_family_unregister(infos, other));
    dcm_info_family_free(infos);
    dcm_histogram_observe(histogram, 1);
    dcm_summary_observe(summary, 1);
    NEED(dcm_state_set_set(state_set, "b"));
    dcm_histogram_free(histogram);
    dcm_summary_free(summary);
    dcm_state_set_free(state_set);
    dcm_info_free(info);
}

static void dataclay(dcm_dataclay *five) {
    uint64_t hits = 0;
    dcm_counter_inc(dcm_dataclay_inmemory_hits_total(five));
    dcm_counter_inc(dcm_dataclay_inmemory_misses_total(five));
    dcm_gauge_set(dcm_dataclay_inmemory_objects(five), 1);
    dcm_gauge_set(dcm_dataclay_loaded_objects(five), 1);
    dcm_gauge_set(dcm_dataclay_stored_objects(five), 1);
    NEED(dcm_counter_get(dcm_dataclay_inmemory_hits_total(five), &hits));
    CHECK(hits == 1, "the five metrics of dataClay still work");
    dcm_dataclay_free(five);
}

static void gateways(dcm_gateway *gateway, dcm_registry *other) {
    dcm_exporter *exporter;
    char *url;
    NEED(dcm_gateway_set_timeout(gateway, 1));
    NEED(dcm_gateway_set_basic_auth(gateway, "user", "password"));
    NEED(dcm_gateway_set_gzip(gateway, 1));
    NEED(dcm_gateway_set_format(gateway, DCM_FORMAT_PROTOBUF));
    CHECK(dcm_gateway_push(gateway, other) == DCM_ERROR_PUSH &&
              dcm_gateway_push_add(gateway, other) == DCM_ERROR_PUSH &&
              dcm_gateway_delete(gateway) == DCM_ERROR_PUSH,
          "a gateway works without the first registry");
    NEED(dcm_exporter_start_push(other, gateway, 3600, &exporter));
    dcm_gateway_free(gateway);
    NEED(dcm_exporter_url(exporter, &url));
    CHECK(strcmp(url, "http://127.0.0.1:1/metrics/job/after_free") == 0,
          "an exporter keeps its gateway");
    dcm_string_free(url);
    CHECK(dcm_exporter_stop_and_delete(exporter, 1) == DCM_ERROR_PUSH,
          "an exporter uses its gateway until it stops");
    dcm_exporter_free(exporter);
}

static void endpoints(dcm_otlp *otlp, dcm_registry *other) {
    dcm_exporter *exporter;
    char *url;
    NEED(dcm_otlp_set_attribute(otlp, "team", "a"));
    NEED(dcm_otlp_set_header(otlp, "x-tenant", "a"));
    NEED(dcm_otlp_set_timeout(otlp, 1));
    NEED(dcm_otlp_set_gzip(otlp, 1));
    CHECK(dcm_otlp_export(otlp, other) == DCM_ERROR_PUSH,
          "an OTLP endpoint works without the first registry");
    NEED(dcm_exporter_start_otlp(other, otlp, 3600, &exporter));
    dcm_otlp_free(otlp);
    NEED(dcm_exporter_url(exporter, &url));
    CHECK(strcmp(url, "http://127.0.0.1:1/v1/metrics") == 0, "an exporter keeps its endpoint");
    dcm_string_free(url);
    dcm_exporter_free(exporter);
}

static void exporters(dcm_exporter *exporter) {
    uint16_t port = 0;
    char *url;
    NEED(dcm_exporter_port(exporter, &port));
    CHECK(served(port, "\nafter_free_total 4.5\n") && served(port, "\ngauge 7\n") && freed == 0,
          "an exporter keeps its registry");
    NEED(dcm_exporter_stop(exporter, 0));
    NEED(dcm_exporter_stop(exporter, 0));
    NEED(dcm_exporter_url(exporter, &url));
    CHECK(strncmp(url, "http://127.0.0.1:", 17) == 0, "a stopped exporter still has its URL");
    dcm_string_free(url);
    dcm_exporter_free(exporter);
    CHECK(freed == 1, "the last exporter frees its registry");
}

int main(void) {
    const char *const names[] = {"a"}, *const x[] = {"x"}, *const both[] = {"a", "b"};
    dcm_registry *registry, *other;
    dcm_counter *counter, *child;
    dcm_gauge *gauge;
    dcm_counter_family *counter_family;
    dcm_gauge_family *gauge_family;
    dcm_histogram *histogram;
    dcm_summary *summary;
    dcm_state_set *state_set;
    dcm_info *info;
    dcm_histogram_family *histograms;
    dcm_summary_family *summaries;
    dcm_state_set_family *state_sets;
    dcm_info_family *infos;
    dcm_options state = DCM_OPTIONS("state", ""), states = DCM_OPTIONS("states", "");
    dcm_dataclay *five;
    dcm_gateway *gateway;
    dcm_otlp *otlp;
    dcm_exporter *exporter;
    state.states = states.states = both;
    state.state_count = states.state_count = 2;
    states.label_names = names;
    states.label_name_count = 1;
    NEED(dcm_registry_new(&registry));
    NEED(dcm_registry_new(&other));
    NEED(dcm_counter_new(registry, "after_free", "", NULL, 0, &counter));
    NEED(dcm_gauge_new(registry, "gauge", "", NULL, 0, &gauge));
    NEED(dcm_counter_family_new(registry, "counters", "", names, 1, &counter_family));
    NEED(dcm_counter_family_with_labels(counter_family, x, 1, &child));
    NEED(dcm_gauge_family_new(registry, "gauges", "", names, 1, &gauge_family));
    NEED(dcm_histogram_new(registry, "histogram", "", NULL, 0, &histogram));
    NEED(dcm_summary_new(registry, "summary", "", NULL, 0, &summary));
    NEED(dcm_state_set_new_with(registry, &state, &state_set));
    NEED(dcm_info_new(registry, "build", "", NULL, 0, &info));
    NEED(dcm_histogram_family_new(registry, "histograms", "", names, 1, &histograms));
    NEED(dcm_summary_family_new(registry, "summaries", "", names, 1, &summaries));
    NEED(dcm_state_set_family_new_with(registry, &states, &state_sets));
    NEED(dcm_info_family_new(registry, "builds", "", names, 1, &infos));
    NEED(dcm_dataclay_new(registry, "backend", &five));
    NEED(dcm_gateway_new("127.0.0.1:1", "after_free", NULL, 0, &gateway));
    NEED(dcm_otlp_new("http://127.0.0.1:1/v1/metrics", "after_free", "a", &otlp));
    NEED(dcm_exporter_start_http(registry, "127.0.0.1", 0, &exporter));
    dcm_registry_free(registry);

    counters(counter, other);
    gauges(gauge, other);
    families(counter_family, gauge_family, child, other);
    observers(histogram, summary, other);
    states_and_info(state_set, info, other);
    other_families(histograms, summaries, state_sets, infos, other);
    dataclay(five);
    gateways(gateway, other);
    endpoints(otlp, other);
    exporters(exporter);
    dcm_registry_free(other);
    return tap_end();
}
