/* Starts exporters by variables of the environment. Wrong values are refused. */
#define _POSIX_C_SOURCE 200809L
#include <dataclay_metrics.h>

#include <stdlib.h>

#include "http.h"
#include "refused.h"
#include "tap.h"

static dcm_registry *registry;
static dcm_exporter *exporter;

static void setting_refused(const char *name, const char *value, const char *rule) {
    char start[64];
    dcm_exporter *none = NULL;
    snprintf(start, sizeof start, "%s=\"%s\"", name, value);
    setenv(name, value, 1);
    dcm_status status = dcm_exporter_start_env(registry, &none);
    refused(status, DCM_ERROR_SETTING, start);
    refused_by(status, DCM_ERROR_SETTING, name, rule);
    CHECK(none == NULL, "no handle is written on an error");
    unsetenv(name);
}

int main(void) {
    uint16_t port = 0, later = 0;
    char *url, number[6];
    dcm_exporter *other;
    dcm_counter *counter;
    NEED(dcm_registry_new(&registry));
    NEED(dcm_counter_new(registry, "counted", "", NULL, 0, &counter));
    setting_refused("DATACLAY_METRICS", "maybe", "true or false");
    setting_refused("DATACLAY_METRICS_EXPORTER", "prometheus", "http, pushgateway, otlp or none");
    setting_refused("DATACLAY_METRICS_PORT", "abc", "0 to 65535");
    setting_refused("DATACLAY_METRICS_PORT", "99999", "0 to 65535");
    setting_refused("DATACLAY_METRICS_PUSH_INTERVAL", "-5", "0.1 to 86400");
    setting_refused("DATACLAY_METRICS_HOST", "a b", "host name");

    setenv("DATACLAY_METRICS", "false", 1);
    NEED(dcm_exporter_start_env(registry, &exporter));
    CHECK(dcm_exporter_port(exporter, &port) == DCM_ERROR_ABSENT &&
              dcm_exporter_url(exporter, &url) == DCM_ERROR_ABSENT &&
              dcm_exporter_stop(exporter, 1) == DCM_OK,
          "DATACLAY_METRICS=false starts no exporter");
    dcm_exporter_free(exporter);

    setenv("DATACLAY_METRICS", "true", 1);
    setenv("DATACLAY_METRICS_HOST", "127.0.0.1", 1);
    setenv("DATACLAY_METRICS_PORT", "0", 1);
    NEED(dcm_exporter_start_env(registry, &exporter));
    NEED(dcm_exporter_port(exporter, &port));
    CHECK(served(port, "\ncounted_total 0\n"), "a scrape endpoint serves the registry");
    snprintf(number, sizeof number, "%u", port);
    setenv("DATACLAY_METRICS_PORT", number, 1);
    NEED(dcm_exporter_start_env(registry, &other));
    NEED(dcm_exporter_port(other, &later));
    CHECK(later > port && later < port + 100 && served(later, "\ncounted_total 0\n"),
          "an exporter listens on a later port if the first one is taken");
    dcm_exporter_free(other);
    CHECK(dcm_exporter_stop_and_delete(exporter, 1) == DCM_ERROR_ABSENT,
          "a scrape endpoint has no group");
    dcm_exporter_free(exporter);
    CHECK(!served(port, "\ncounted_total 0\n"), "freeing an exporter stops it");

    setenv("DATACLAY_METRICS_EXPORTER", "pushgateway", 1);
    setenv("DATACLAY_METRICS_PORT", "1", 1);
    setenv("DATACLAY_METRICS_JOB", "nightly", 1);
    setenv("DATACLAY_METRICS_INSTANCE", "node1", 1);
    NEED(dcm_exporter_start_env(registry, &exporter));
    NEED(dcm_exporter_url(exporter, &url));
    CHECK(strcmp(url, "http://127.0.0.1:1/metrics/job/nightly/instance/node1") == 0,
          "the URL has the job and the instance");
    dcm_string_free(url);
    CHECK(dcm_exporter_port(exporter, &port) == DCM_ERROR_ABSENT,
          "a push exporter has no port");
    CHECK(dcm_exporter_stop(exporter, 1) == DCM_ERROR_PUSH,
          "stop returns the error of the last push");
    CHECK(dcm_exporter_stop(exporter, 1) == DCM_OK, "a second stop does nothing");
    dcm_exporter_free(exporter);
    dcm_counter_free(counter);
    dcm_registry_free(registry);
    return tap_end();
}
