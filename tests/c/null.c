/* Calls every function with NULL for each of its pointers. The function returns a status or does
 * nothing. library.py checks that this file tests every pointer. */
#include <dataclay_metrics.h>

#include "tap.h"

#define IS_NULL(call) CHECK((call) == DCM_ERROR_NULL, #call)

/* A value that a function must not overwrite on an error. */
#define UNTOUCHED ((size_t)0x5a5a)

static int no_value(void *user_data, double *value) {
    (void)user_data;
    (void)value;
    return 1;
}

int main(void) {
    const char *const names[] = {"a", NULL};
    const dcm_label labels[] = {{"a", NULL}}, nameless[] = {{NULL, "x"}};
    const dcm_options options = DCM_OPTIONS("x", "");
    const dcm_http_options http = DCM_HTTP_OPTIONS("127.0.0.1", 0);
    char buffer[8] = "before";
    char *text = buffer;
    size_t length = UNTOUCHED;
    uint64_t count = 7;
    uint16_t port = 7;
    double value = 7;
    dcm_registry *r;
    dcm_counter *c, *no_counter = (dcm_counter *)buffer;
    dcm_gauge *g, *no_gauge = (dcm_gauge *)buffer;
    dcm_counter_family *cf, *no_cf = (dcm_counter_family *)buffer;
    dcm_gauge_family *gf, *no_gf = (dcm_gauge_family *)buffer;
    dcm_histogram *h, *no_h = (dcm_histogram *)buffer;
    dcm_histogram_family *hf, *no_hf = (dcm_histogram_family *)buffer;
    dcm_summary *s, *no_s = (dcm_summary *)buffer;
    dcm_summary_family *sf, *no_sf = (dcm_summary_family *)buffer;
    dcm_state_set *t, *no_t = (dcm_state_set *)buffer;
    dcm_state_set_family *tf, *no_tf = (dcm_state_set_family *)buffer;
    dcm_info *i, *no_i = (dcm_info *)buffer;
    dcm_info_family *if_, *no_if_ = (dcm_info_family *)buffer;
    dcm_dataclay *no_dataclay = (dcm_dataclay *)buffer;
    dcm_gateway *w, *no_gateway = (dcm_gateway *)buffer;
    dcm_exporter *e, *no_exporter = (dcm_exporter *)buffer;
    const dcm_label instance[] = {{"instance", "c"}};
    dcm_options of_states = DCM_OPTIONS("t", ""), family_of_states = DCM_OPTIONS("tf", "");
    of_states.states = family_of_states.states = names;
    of_states.state_count = family_of_states.state_count = 1;
    family_of_states.label_names = names;
    family_of_states.label_name_count = 1;

    CHECK(strcmp(dcm_error_last(), "") == 0, "a new thread has no last error");
    NEED(dcm_registry_new(&r));
    NEED(dcm_counter_new(r, "c", "", NULL, 0, &c));
    NEED(dcm_gauge_new(r, "g", "", NULL, 0, &g));
    NEED(dcm_counter_family_new(r, "cf", "", names, 1, &cf));
    NEED(dcm_gauge_family_new(r, "gf", "", names, 1, &gf));
    NEED(dcm_histogram_new(r, "h", "", NULL, 0, &h));
    NEED(dcm_histogram_family_new(r, "hf", "", names, 1, &hf));
    NEED(dcm_summary_new(r, "s", "", NULL, 0, &s));
    NEED(dcm_summary_family_new(r, "sf", "", names, 1, &sf));
    NEED(dcm_state_set_new_with(r, &of_states, &t));
    NEED(dcm_state_set_family_new_with(r, &family_of_states, &tf));
    NEED(dcm_info_new(r, "i", "", NULL, 0, &i));
    NEED(dcm_info_family_new(r, "if_", "", names, 1, &if_));
    NEED(dcm_gateway_new("127.0.0.1:1", "job", instance, 1, &w));
    NEED(dcm_exporter_start_http(r, "127.0.0.1", 0, &e));

    IS_NULL(dcm_registry_new(NULL));
    CHECK(strcmp(dcm_error_last(), "out=NULL: must not be NULL") == 0,
          "the error names the parameter");
    IS_NULL(dcm_registry_encode(NULL, DCM_FORMAT_TEXT, buffer, sizeof buffer, &length));
    IS_NULL(dcm_registry_encode(r, DCM_FORMAT_TEXT, buffer, sizeof buffer, NULL));
    CHECK(length == UNTOUCHED, "the length is written only if the buffer is too small");
    IS_NULL(dcm_registry_encode(r, DCM_FORMAT_TEXT, NULL, 1 << 20, &length));
    CHECK(length == UNTOUCHED, "a capacity needs a buffer");
    IS_NULL(dcm_registry_encode_new(NULL, DCM_FORMAT_TEXT, &text));
    IS_NULL(dcm_registry_encode_new(r, DCM_FORMAT_TEXT, NULL));
    IS_NULL(dcm_registry_expose_created(NULL, 1));
    IS_NULL(dcm_health_register(NULL));
    IS_NULL(dcm_health_unregister(NULL));
    dcm_string_free(NULL);
    dcm_registry_free(NULL);

    IS_NULL(dcm_counter_new(NULL, "x", "", NULL, 0, &no_counter));
    IS_NULL(dcm_counter_new(r, NULL, "", NULL, 0, &no_counter));
    IS_NULL(dcm_counter_new(r, "x", NULL, NULL, 0, &no_counter));
    IS_NULL(dcm_counter_new(r, "x", "", NULL, 1, &no_counter));
    IS_NULL(dcm_counter_new(r, "x", "", labels, 1, &no_counter));
    IS_NULL(dcm_counter_new(r, "x", "", nameless, 1, &no_counter));
    IS_NULL(dcm_counter_new(r, "x", "", NULL, 0, NULL));
    IS_NULL(dcm_counter_new_with(NULL, &options, &no_counter));
    IS_NULL(dcm_counter_new_with(r, NULL, &no_counter));
    IS_NULL(dcm_counter_new_with(r, &options, NULL));
    dcm_counter_inc(NULL);
    dcm_counter_inc_by(NULL, 1);
    IS_NULL(dcm_counter_inc_by_double(NULL, 1));
    IS_NULL(dcm_counter_inc_by_with_exemplar(NULL, 1, NULL, 0));
    IS_NULL(dcm_counter_inc_by_with_exemplar(c, 1, NULL, 1));
    IS_NULL(dcm_counter_get(NULL, &count));
    IS_NULL(dcm_counter_get(c, NULL));
    IS_NULL(dcm_counter_get_double(NULL, &value));
    IS_NULL(dcm_counter_get_double(c, NULL));
    IS_NULL(dcm_counter_register(NULL, r));
    IS_NULL(dcm_counter_register(c, NULL));
    IS_NULL(dcm_counter_unregister(NULL, r));
    IS_NULL(dcm_counter_unregister(c, NULL));
    dcm_counter_free(NULL);

    IS_NULL(dcm_gauge_new(NULL, "x", "", NULL, 0, &no_gauge));
    IS_NULL(dcm_gauge_new(r, NULL, "", NULL, 0, &no_gauge));
    IS_NULL(dcm_gauge_new(r, "x", NULL, NULL, 0, &no_gauge));
    IS_NULL(dcm_gauge_new(r, "x", "", NULL, 1, &no_gauge));
    IS_NULL(dcm_gauge_new(r, "x", "", NULL, 0, NULL));
    IS_NULL(dcm_gauge_new_with(NULL, &options, &no_gauge));
    IS_NULL(dcm_gauge_new_with(r, NULL, &no_gauge));
    IS_NULL(dcm_gauge_new_with(r, &options, NULL));
    dcm_gauge_set(NULL, 1);
    dcm_gauge_inc(NULL);
    dcm_gauge_dec(NULL);
    dcm_gauge_inc_by(NULL, 1);
    dcm_gauge_dec_by(NULL, 1);
    IS_NULL(dcm_gauge_set_function(NULL, no_value, NULL, NULL));
    IS_NULL(dcm_gauge_set_function(g, NULL, NULL, NULL));
    IS_NULL(dcm_gauge_get(NULL, &value));
    IS_NULL(dcm_gauge_get(g, NULL));
    IS_NULL(dcm_gauge_register(NULL, r));
    IS_NULL(dcm_gauge_register(g, NULL));
    IS_NULL(dcm_gauge_unregister(NULL, r));
    IS_NULL(dcm_gauge_unregister(g, NULL));
    dcm_gauge_free(NULL);

    IS_NULL(dcm_counter_family_new(NULL, "x", "", names, 1, &no_cf));
    IS_NULL(dcm_counter_family_new(r, NULL, "", names, 1, &no_cf));
    IS_NULL(dcm_counter_family_new(r, "x", NULL, names, 1, &no_cf));
    IS_NULL(dcm_counter_family_new(r, "x", "", NULL, 1, &no_cf));
    IS_NULL(dcm_counter_family_new(r, "x", "", names, 2, &no_cf));
    IS_NULL(dcm_counter_family_new(r, "x", "", names, 1, NULL));
    IS_NULL(dcm_counter_family_new_with(NULL, &options, &no_cf));
    IS_NULL(dcm_counter_family_new_with(r, NULL, &no_cf));
    IS_NULL(dcm_counter_family_new_with(r, &options, NULL));
    IS_NULL(dcm_counter_family_with_labels(NULL, names, 1, &no_counter));
    IS_NULL(dcm_counter_family_with_labels(cf, NULL, 1, &no_counter));
    IS_NULL(dcm_counter_family_with_labels(cf, names, 1, NULL));
    IS_NULL(dcm_counter_family_remove(NULL, names, 1));
    IS_NULL(dcm_counter_family_remove(cf, NULL, 1));
    IS_NULL(dcm_counter_family_clear(NULL));
    IS_NULL(dcm_counter_family_register(NULL, r));
    IS_NULL(dcm_counter_family_register(cf, NULL));
    IS_NULL(dcm_counter_family_unregister(NULL, r));
    IS_NULL(dcm_counter_family_unregister(cf, NULL));
    dcm_counter_family_free(NULL);
    IS_NULL(dcm_gauge_family_new(NULL, "x", "", names, 1, &no_gf));
    IS_NULL(dcm_gauge_family_new(r, NULL, "", names, 1, &no_gf));
    IS_NULL(dcm_gauge_family_new(r, "x", NULL, names, 1, &no_gf));
    IS_NULL(dcm_gauge_family_new(r, "x", "", NULL, 1, &no_gf));
    IS_NULL(dcm_gauge_family_new(r, "x", "", names, 1, NULL));
    IS_NULL(dcm_gauge_family_new_with(NULL, &options, &no_gf));
    IS_NULL(dcm_gauge_family_new_with(r, NULL, &no_gf));
    IS_NULL(dcm_gauge_family_new_with(r, &options, NULL));
    IS_NULL(dcm_gauge_family_with_labels(NULL, names, 1, &no_gauge));
    IS_NULL(dcm_gauge_family_with_labels(gf, NULL, 1, &no_gauge));
    IS_NULL(dcm_gauge_family_with_labels(gf, names, 1, NULL));
    IS_NULL(dcm_gauge_family_remove(NULL, names, 1));
    IS_NULL(dcm_gauge_family_remove(gf, NULL, 1));
    IS_NULL(dcm_gauge_family_clear(NULL));
    IS_NULL(dcm_gauge_family_register(NULL, r));
    IS_NULL(dcm_gauge_family_register(gf, NULL));
    IS_NULL(dcm_gauge_family_unregister(NULL, r));
    IS_NULL(dcm_gauge_family_unregister(gf, NULL));
    dcm_gauge_family_free(NULL);

    IS_NULL(dcm_histogram_new(NULL, "x", "", NULL, 0, &no_h));
    IS_NULL(dcm_histogram_new(r, NULL, "", NULL, 0, &no_h));
    IS_NULL(dcm_histogram_new(r, "x", NULL, NULL, 0, &no_h));
    IS_NULL(dcm_histogram_new(r, "x", "", NULL, 1, &no_h));
    IS_NULL(dcm_histogram_new(r, "x", "", NULL, 0, NULL));
    IS_NULL(dcm_histogram_new_with(NULL, &options, &no_h));
    IS_NULL(dcm_histogram_new_with(r, NULL, &no_h));
    IS_NULL(dcm_histogram_new_with(r, &options, NULL));
    dcm_histogram_observe(NULL, 1);
    dcm_histogram_observe_n(NULL, 1, 1);
    IS_NULL(dcm_histogram_observe_with_exemplar(NULL, 1, NULL, 0));
    IS_NULL(dcm_histogram_observe_with_exemplar(h, 1, NULL, 1));
    IS_NULL(dcm_histogram_get_count(NULL, &count));
    IS_NULL(dcm_histogram_get_count(h, NULL));
    IS_NULL(dcm_histogram_get_sum(NULL, &value));
    IS_NULL(dcm_histogram_get_sum(h, NULL));
    IS_NULL(dcm_histogram_register(NULL, r));
    IS_NULL(dcm_histogram_register(h, NULL));
    IS_NULL(dcm_histogram_unregister(NULL, r));
    IS_NULL(dcm_histogram_unregister(h, NULL));
    dcm_histogram_free(NULL);
    IS_NULL(dcm_histogram_family_new(NULL, "x", "", names, 1, &no_hf));
    IS_NULL(dcm_histogram_family_new(r, NULL, "", names, 1, &no_hf));
    IS_NULL(dcm_histogram_family_new(r, "x", NULL, names, 1, &no_hf));
    IS_NULL(dcm_histogram_family_new(r, "x", "", NULL, 1, &no_hf));
    IS_NULL(dcm_histogram_family_new(r, "x", "", names, 1, NULL));
    IS_NULL(dcm_histogram_family_new_with(NULL, &options, &no_hf));
    IS_NULL(dcm_histogram_family_new_with(r, NULL, &no_hf));
    IS_NULL(dcm_histogram_family_new_with(r, &options, NULL));
    IS_NULL(dcm_histogram_family_with_labels(NULL, names, 1, &no_h));
    IS_NULL(dcm_histogram_family_with_labels(hf, NULL, 1, &no_h));
    IS_NULL(dcm_histogram_family_with_labels(hf, names, 1, NULL));
    IS_NULL(dcm_histogram_family_remove(NULL, names, 1));
    IS_NULL(dcm_histogram_family_remove(hf, NULL, 1));
    IS_NULL(dcm_histogram_family_clear(NULL));
    IS_NULL(dcm_histogram_family_register(NULL, r));
    IS_NULL(dcm_histogram_family_register(hf, NULL));
    IS_NULL(dcm_histogram_family_unregister(NULL, r));
    IS_NULL(dcm_histogram_family_unregister(hf, NULL));
    dcm_histogram_family_free(NULL);

    IS_NULL(dcm_summary_new(NULL, "x", "", NULL, 0, &no_s));
    IS_NULL(dcm_summary_new(r, NULL, "", NULL, 0, &no_s));
    IS_NULL(dcm_summary_new(r, "x", NULL, NULL, 0, &no_s));
    IS_NULL(dcm_summary_new(r, "x", "", NULL, 1, &no_s));
    IS_NULL(dcm_summary_new(r, "x", "", NULL, 0, NULL));
    IS_NULL(dcm_summary_new_with(NULL, &options, &no_s));
    IS_NULL(dcm_summary_new_with(r, NULL, &no_s));
    IS_NULL(dcm_summary_new_with(r, &options, NULL));
    dcm_summary_observe(NULL, 1);
    dcm_summary_observe_n(NULL, 1, 1);
    IS_NULL(dcm_summary_get_count(NULL, &count));
    IS_NULL(dcm_summary_get_count(s, NULL));
    IS_NULL(dcm_summary_get_sum(NULL, &value));
    IS_NULL(dcm_summary_get_sum(s, NULL));
    IS_NULL(dcm_summary_register(NULL, r));
    IS_NULL(dcm_summary_register(s, NULL));
    IS_NULL(dcm_summary_unregister(NULL, r));
    IS_NULL(dcm_summary_unregister(s, NULL));
    dcm_summary_free(NULL);
    IS_NULL(dcm_summary_family_new(NULL, "x", "", names, 1, &no_sf));
    IS_NULL(dcm_summary_family_new(r, NULL, "", names, 1, &no_sf));
    IS_NULL(dcm_summary_family_new(r, "x", NULL, names, 1, &no_sf));
    IS_NULL(dcm_summary_family_new(r, "x", "", NULL, 1, &no_sf));
    IS_NULL(dcm_summary_family_new(r, "x", "", names, 1, NULL));
    IS_NULL(dcm_summary_family_new_with(NULL, &options, &no_sf));
    IS_NULL(dcm_summary_family_new_with(r, NULL, &no_sf));
    IS_NULL(dcm_summary_family_new_with(r, &options, NULL));
    IS_NULL(dcm_summary_family_with_labels(NULL, names, 1, &no_s));
    IS_NULL(dcm_summary_family_with_labels(sf, NULL, 1, &no_s));
    IS_NULL(dcm_summary_family_with_labels(sf, names, 1, NULL));
    IS_NULL(dcm_summary_family_remove(NULL, names, 1));
    IS_NULL(dcm_summary_family_remove(sf, NULL, 1));
    IS_NULL(dcm_summary_family_clear(NULL));
    IS_NULL(dcm_summary_family_register(NULL, r));
    IS_NULL(dcm_summary_family_register(sf, NULL));
    IS_NULL(dcm_summary_family_unregister(NULL, r));
    IS_NULL(dcm_summary_family_unregister(sf, NULL));
    dcm_summary_family_free(NULL);

    IS_NULL(dcm_state_set_new_with(NULL, &of_states, &no_t));
    IS_NULL(dcm_state_set_new_with(r, NULL, &no_t));
    IS_NULL(dcm_state_set_new_with(r, &of_states, NULL));
    IS_NULL(dcm_state_set_set(NULL, "a"));
    IS_NULL(dcm_state_set_set(t, NULL));
    IS_NULL(dcm_state_set_register(NULL, r));
    IS_NULL(dcm_state_set_register(t, NULL));
    IS_NULL(dcm_state_set_unregister(NULL, r));
    IS_NULL(dcm_state_set_unregister(t, NULL));
    dcm_state_set_free(NULL);
    IS_NULL(dcm_state_set_family_new_with(NULL, &of_states, &no_tf));
    IS_NULL(dcm_state_set_family_new_with(r, NULL, &no_tf));
    IS_NULL(dcm_state_set_family_new_with(r, &of_states, NULL));
    IS_NULL(dcm_state_set_family_with_labels(NULL, names, 1, &no_t));
    IS_NULL(dcm_state_set_family_with_labels(tf, NULL, 1, &no_t));
    IS_NULL(dcm_state_set_family_with_labels(tf, names, 1, NULL));
    IS_NULL(dcm_state_set_family_remove(NULL, names, 1));
    IS_NULL(dcm_state_set_family_remove(tf, NULL, 1));
    IS_NULL(dcm_state_set_family_clear(NULL));
    IS_NULL(dcm_state_set_family_register(NULL, r));
    IS_NULL(dcm_state_set_family_register(tf, NULL));
    IS_NULL(dcm_state_set_family_unregister(NULL, r));
    IS_NULL(dcm_state_set_family_unregister(tf, NULL));
    dcm_state_set_family_free(NULL);

    IS_NULL(dcm_info_new(NULL, "x", "", NULL, 0, &no_i));
    IS_NULL(dcm_info_new(r, NULL, "", NULL, 0, &no_i));
    IS_NULL(dcm_info_new(r, "x", NULL, NULL, 0, &no_i));
    IS_NULL(dcm_info_new(r, "x", "", NULL, 1, &no_i));
    IS_NULL(dcm_info_new(r, "x", "", NULL, 0, NULL));
    IS_NULL(dcm_info_new_with(NULL, &options, &no_i));
    IS_NULL(dcm_info_new_with(r, NULL, &no_i));
    IS_NULL(dcm_info_new_with(r, &options, NULL));
    IS_NULL(dcm_info_set(NULL, instance, 1));
    IS_NULL(dcm_info_set(i, NULL, 1));
    IS_NULL(dcm_info_register(NULL, r));
    IS_NULL(dcm_info_register(i, NULL));
    IS_NULL(dcm_info_unregister(NULL, r));
    IS_NULL(dcm_info_unregister(i, NULL));
    dcm_info_free(NULL);
    IS_NULL(dcm_info_family_new(NULL, "x", "", names, 1, &no_if_));
    IS_NULL(dcm_info_family_new(r, NULL, "", names, 1, &no_if_));
    IS_NULL(dcm_info_family_new(r, "x", NULL, names, 1, &no_if_));
    IS_NULL(dcm_info_family_new(r, "x", "", NULL, 1, &no_if_));
    IS_NULL(dcm_info_family_new(r, "x", "", names, 1, NULL));
    IS_NULL(dcm_info_family_new_with(NULL, &options, &no_if_));
    IS_NULL(dcm_info_family_new_with(r, NULL, &no_if_));
    IS_NULL(dcm_info_family_new_with(r, &options, NULL));
    IS_NULL(dcm_info_family_with_labels(NULL, names, 1, &no_i));
    IS_NULL(dcm_info_family_with_labels(if_, NULL, 1, &no_i));
    IS_NULL(dcm_info_family_with_labels(if_, names, 1, NULL));
    IS_NULL(dcm_info_family_remove(NULL, names, 1));
    IS_NULL(dcm_info_family_remove(if_, NULL, 1));
    IS_NULL(dcm_info_family_clear(NULL));
    IS_NULL(dcm_info_family_register(NULL, r));
    IS_NULL(dcm_info_family_register(if_, NULL));
    IS_NULL(dcm_info_family_unregister(NULL, r));
    IS_NULL(dcm_info_family_unregister(if_, NULL));
    dcm_info_family_free(NULL);

    IS_NULL(dcm_dataclay_new(NULL, "backend", &no_dataclay));
    IS_NULL(dcm_dataclay_new(r, NULL, &no_dataclay));
    IS_NULL(dcm_dataclay_new(r, "backend", NULL));
    CHECK(dcm_dataclay_inmemory_objects(NULL) == NULL, "NULL returns no gauge");
    CHECK(dcm_dataclay_loaded_objects(NULL) == NULL, "NULL returns no gauge");
    CHECK(dcm_dataclay_stored_objects(NULL) == NULL, "NULL returns no gauge");
    CHECK(dcm_dataclay_inmemory_misses_total(NULL) == NULL, "NULL returns no counter");
    CHECK(dcm_dataclay_inmemory_hits_total(NULL) == NULL, "NULL returns no counter");
    dcm_dataclay_free(NULL);

    IS_NULL(dcm_gateway_new(NULL, "j", NULL, 0, &no_gateway));
    IS_NULL(dcm_gateway_new("x:1", NULL, NULL, 0, &no_gateway));
    IS_NULL(dcm_gateway_new("x:1", "j", NULL, 1, &no_gateway));
    IS_NULL(dcm_gateway_new("x:1", "j", NULL, 0, NULL));
    IS_NULL(dcm_gateway_set_timeout(NULL, 1));
    IS_NULL(dcm_gateway_set_basic_auth(NULL, "u", "p"));
    IS_NULL(dcm_gateway_set_basic_auth(w, NULL, "p"));
    IS_NULL(dcm_gateway_set_basic_auth(w, "u", NULL));
    IS_NULL(dcm_gateway_set_gzip(NULL, 1));
    IS_NULL(dcm_gateway_set_format(NULL, DCM_FORMAT_TEXT));
    IS_NULL(dcm_gateway_push(NULL, r));
    IS_NULL(dcm_gateway_push(w, NULL));
    IS_NULL(dcm_gateway_push_add(NULL, r));
    IS_NULL(dcm_gateway_push_add(w, NULL));
    IS_NULL(dcm_gateway_delete(NULL));
    dcm_gateway_free(NULL);

    dcm_otlp *otlp = NULL;
    NEED(dcm_otlp_new("http://x:1", "s", "i", &otlp));
    IS_NULL(dcm_otlp_new(NULL, "s", "i", &otlp));
    IS_NULL(dcm_otlp_new("http://x:1", NULL, "i", &otlp));
    IS_NULL(dcm_otlp_new("http://x:1", "s", NULL, &otlp));
    IS_NULL(dcm_otlp_new("http://x:1", "s", "i", NULL));
    IS_NULL(dcm_otlp_set_attribute(NULL, "a", "b"));
    IS_NULL(dcm_otlp_set_header(NULL, "a", "b"));
    IS_NULL(dcm_otlp_set_timeout(NULL, 1));
    IS_NULL(dcm_otlp_set_gzip(NULL, 1));
    IS_NULL(dcm_otlp_set_attribute(otlp, NULL, "b"));
    IS_NULL(dcm_otlp_set_attribute(otlp, "a", NULL));
    IS_NULL(dcm_otlp_set_header(otlp, NULL, "b"));
    IS_NULL(dcm_otlp_set_header(otlp, "a", NULL));
    IS_NULL(dcm_otlp_export(NULL, r));
    IS_NULL(dcm_otlp_export(otlp, NULL));
    IS_NULL(dcm_exporter_start_otlp(NULL, otlp, 1, &no_exporter));
    IS_NULL(dcm_exporter_start_otlp(r, NULL, 1, &no_exporter));
    IS_NULL(dcm_exporter_start_otlp(r, otlp, 1, NULL));
    dcm_otlp_free(otlp);
    dcm_otlp_free(NULL);

    IS_NULL(dcm_exporter_start_http(NULL, "127.0.0.1", 0, &no_exporter));
    IS_NULL(dcm_exporter_start_http(r, NULL, 0, &no_exporter));
    IS_NULL(dcm_exporter_start_http(r, "127.0.0.1", 0, NULL));
    IS_NULL(dcm_exporter_start_http_with(NULL, &http, &no_exporter));
    IS_NULL(dcm_exporter_start_http_with(r, NULL, &no_exporter));
    IS_NULL(dcm_exporter_start_http_with(r, &http, NULL));
    IS_NULL(dcm_exporter_start_push(NULL, w, 1, &no_exporter));
    IS_NULL(dcm_exporter_start_push(r, NULL, 1, &no_exporter));
    IS_NULL(dcm_exporter_start_push(r, w, 1, NULL));
    IS_NULL(dcm_exporter_start_env(NULL, &no_exporter));
    IS_NULL(dcm_exporter_start_env(r, NULL));
    IS_NULL(dcm_exporter_stop_and_delete(NULL, 1));
    IS_NULL(dcm_exporter_url(NULL, &text));
    IS_NULL(dcm_exporter_url(e, NULL));
    IS_NULL(dcm_exporter_port(NULL, &port));
    IS_NULL(dcm_exporter_port(e, NULL));
    IS_NULL(dcm_exporter_stop(NULL, 1));
    dcm_exporter_free(NULL);

    dcm_log_set_function(NULL, NULL);
    CHECK(strcmp(dcm_status_message(DCM_ERROR_NULL), "") != 0, "a status has a message");
    CHECK(strcmp(dcm_version(), "") != 0, "the library has a version");
    CHECK(strcmp(dcm_format_content_type(DCM_FORMAT_TEXT), "") != 0, "a format has a content type");

    CHECK((char *)no_counter == buffer && (char *)no_gauge == buffer && (char *)no_cf == buffer &&
              (char *)no_gf == buffer && (char *)no_dataclay == buffer &&
              (char *)no_gateway == buffer && (char *)no_exporter == buffer && text == buffer &&
              strcmp(buffer, "before") == 0 && count == 7 && port == 7 && value == 7,
          "no result is written on an error");
    CHECK((char *)no_h == buffer && (char *)no_hf == buffer &&
              (char *)no_s == buffer && (char *)no_sf == buffer &&
              (char *)no_t == buffer && (char *)no_tf == buffer &&
              (char *)no_i == buffer && (char *)no_if_ == buffer,
          "no handle is written on an error");

    dcm_exporter_free(e);
    dcm_gateway_free(w);
    dcm_histogram_family_free(hf);
    dcm_histogram_free(h);
    dcm_summary_family_free(sf);
    dcm_summary_free(s);
    dcm_state_set_family_free(tf);
    dcm_state_set_free(t);
    dcm_info_family_free(if_);
    dcm_info_free(i);
    dcm_gauge_family_free(gf);
    dcm_counter_family_free(cf);
    dcm_gauge_free(g);
    dcm_counter_free(c);
    dcm_registry_free(r);
    return tap_end();
}
