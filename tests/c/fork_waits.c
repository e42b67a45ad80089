/* A fork waits for the library a tenth of a second at most, whatever the exporters' threads do.
 * Here the look-up of a name, a log function and a function of a gauge take seconds. The child
 * still exports.
 *
 *     fork_waits
 */
#define _GNU_SOURCE
#include <dataclay_metrics.h>

#include <dlfcn.h>
#include <netdb.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "http.h"
#include "tap.h"

enum { SECONDS = 4, PATIENCE = 60, MOMENT = 300000 };

static volatile int names_are_slow;

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (names_are_slow) {
        sleep(SECONDS);
        return EAI_AGAIN;
    }
    *(void **)&next = dlsym(RTLD_NEXT, "getaddrinfo");
    return next(name, service, hints, found);
}

static int slow_function(void *unused, double *value) {
    (void)unused;
    sleep(SECONDS);
    *value = 1;
    return 0;
}

static void slow_log(void *unused, int level, const char *message) {
    (void)unused;
    (void)level;
    (void)message;
    sleep(SECONDS);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Forks a moment later. Returns the seconds that this took; a child that is wrong costs 100. */
static double fork_takes(dcm_exporter *http) {
    int status;
    double begin;
    pid_t child;
    usleep(MOMENT);
    begin = now();
    child = fork();
    if (child == 0) {
        uint16_t port = 0;
        alarm(PATIENCE);
        dcm_log_set_function(NULL, NULL);
        _exit(http != NULL &&
              !(dcm_exporter_port(http, &port) == DCM_OK && served(port, "\ncounted_total ")));
    }
    begin = now() - begin;
    waitpid(child, &status, 0);
    return begin + (status == 0 ? 0 : 100);
}

int main(void) {
    dcm_registry *registry, *with_gauge;
    dcm_gauge *gauge;
    dcm_counter *counter;
    dcm_gateway *named, *refused;
    dcm_exporter *http, *exporters[3];
    NEED(dcm_registry_new(&registry));
    NEED(dcm_counter_new(registry, "counted", "", NULL, 0, &counter));
    NEED(dcm_registry_new(&with_gauge));
    NEED(dcm_gauge_new(with_gauge, "slow", "", NULL, 0, &gauge));
    NEED(dcm_gauge_set_function(gauge, slow_function, NULL, NULL));
    NEED(dcm_gateway_new("no-such-name.invalid:9091", "j", NULL, 0, &named));
    NEED(dcm_gateway_new("127.0.0.1:9", "j", NULL, 0, &refused));
    NEED(dcm_exporter_start_http(registry, "127.0.0.1", 0, &http));

    names_are_slow = 1;
    for (int i = 0; i < 3; i++) {
        NEED(dcm_exporter_start_push(registry, named, 3600, &exporters[i]));
    }
    CHECK(fork_takes(http) < 0.3, "a fork does not wait for names that do not resolve");
    for (int i = 0; i < 3; i++) {
        dcm_exporter_stop(exporters[i], 0);
        dcm_exporter_free(exporters[i]);
    }
    names_are_slow = 0;

    for (int i = 0; i < 2; i++) {
        NEED(dcm_exporter_start_push(with_gauge, refused, 3600, &exporters[i]));
    }
    CHECK(fork_takes(http) < 0.3, "a fork does not wait for the function of a gauge");
    for (int i = 0; i < 2; i++) {
        dcm_exporter_stop(exporters[i], 0);
        dcm_exporter_free(exporters[i]);
    }

    dcm_log_set_function(slow_log, NULL);
    NEED(dcm_exporter_start_push(registry, refused, 3600, &exporters[0]));
    CHECK(fork_takes(http) < 0.3, "a fork does not wait for the log function");
    dcm_log_set_function(NULL, NULL);
    dcm_exporter_stop(exporters[0], 0);
    dcm_exporter_free(exporters[0]);

    CHECK(fork_takes(http) < 0.3, "the endpoint is served after all this");
    dcm_exporter_free(http);
    dcm_gateway_free(named);
    dcm_gateway_free(refused);
    return tap_end();
}
