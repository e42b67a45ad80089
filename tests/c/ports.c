/* Tests dcm_http_options: one port, a range of ports, forks, wrong values, and other versions. */
#define _POSIX_C_SOURCE 200809L
#include <dataclay_metrics.h>

#include <sys/wait.h>
#include <unistd.h>

#include "http.h"
#include "refused.h"
#include "tap.h"

enum { COUNT = 50 };

static dcm_registry *registry;

/* Forks. Returns the port of the exporter in the child. */
static int port_in_child(const dcm_exporter *exporter) {
    int pipe_ends[2], port = -1;
    if (pipe(pipe_ends) != 0) {
        exit(1);
    }
    pid_t process = fork();
    if (process == 0) {
        int own = port_of(exporter);
        own = served((uint16_t)own, "\nforked_total 0\n") ? own : 0;
        _exit(write(pipe_ends[1], &own, sizeof own) != sizeof own);
    }
    if (read(pipe_ends[0], &port, sizeof port) != sizeof port) {
        port = -1;
    }
    waitpid(process, NULL, 0);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    return port;
}

static void range_of_ports(void) {
    dcm_http_options options = DCM_HTTP_OPTIONS("127.0.0.1", 0);
    dcm_exporter *first, *second;
    char message[128];
    NEED(dcm_exporter_start_http_with(registry, &options, &first));
    CHECK(served(port_of(first), "\nforked_total 0\n"), "port 0 is any free port");

    const uint16_t taken = port_of(first);
    snprintf(message, sizeof message, "cannot listen on 127.0.0.1:%u: ", taken);
    options.port = taken;
    start_refused(registry, &options, DCM_ERROR_LISTEN, message);
    options.port_count = 1;
    snprintf(message, sizeof message,
             "cannot listen on 127.0.0.1:%u: no port from %u to %u is free", taken, taken, taken);
    start_refused(registry, &options, DCM_ERROR_LISTEN, message);

    options.port_count = COUNT;
    NEED(dcm_exporter_start_http_with(registry, &options, &second));
    const int next = port_of(second);
    CHECK(next > taken && next < taken + COUNT && served((uint16_t)next, "\nforked_total 0\n"),
          "an exporter listens on the first free port of the range");
    const int in_child = port_in_child(second);
    CHECK(in_child > taken && in_child < taken + COUNT && in_child != next,
          "a forked child listens on another port of the range");
    dcm_exporter_free(second);

    options.port = (size_t)next;
    options.port_count = 1;
    NEED(dcm_exporter_start_http_with(registry, &options, &second));
    CHECK(port_of(second) == next, "a range may have one port");
    dcm_exporter_free(second);
    dcm_exporter_free(first);
}

/* The options of a later version of the header. */
typedef struct later_options {
    dcm_http_options known;
    size_t number;
} later_options;

static void wrong_values(void) {
    dcm_http_options options = DCM_HTTP_OPTIONS(NULL, 0);
    later_options later = {DCM_HTTP_OPTIONS("127.0.0.1", 0), 0};
    dcm_exporter *exporter;
    start_refused(registry, NULL, DCM_ERROR_NULL, "options=NULL: must not be NULL");
    start_refused(registry, &options, DCM_ERROR_NULL, "options.host=NULL: must not be NULL");
    options.host = "127.0.0.1";
    options.port = 65536;
    start_refused(registry, &options, DCM_ERROR_ARGUMENT,
                  "options.port=65536: must be a number from 0 to 65535");
    options.port = 65535;
    options.port_count = 65536;
    start_refused(registry, &options, DCM_ERROR_ARGUMENT,
                  "options.port_count=65536: must be a number from 0 to");
    options.size = sizeof options - 1;
    start_refused(registry, &options, DCM_ERROR_ARGUMENT,
                  "options.size=55: must be the size of the struct");
    options.port = 0;
    options.size = offsetof(dcm_http_options, port_count);
    NEED(dcm_exporter_start_http_with(registry, &options, &exporter));
    CHECK(port_of(exporter) != 0, "a program with an older header starts an endpoint");
    dcm_exporter_free(exporter);
    later.known.size = sizeof later;
    NEED(dcm_exporter_start_http_with(registry, &later.known, &exporter));
    CHECK(port_of(exporter) != 0, "a program with a later header starts an endpoint");
    dcm_exporter_free(exporter);
    later.number = 1;
    start_refused(registry, &later.known, DCM_ERROR_ARGUMENT, "options.size=64: has a field set");
}

int main(void) {
    dcm_counter *counter;
    NEED(dcm_registry_new(&registry));
    NEED(dcm_counter_new(registry, "forked", "", NULL, 0, &counter));
    range_of_ports();
    wrong_values();
    dcm_counter_free(counter);
    dcm_registry_free(registry);
    return tap_end();
}
