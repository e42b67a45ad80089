/* A forked child starts at zero and exports its own counts. The parent's counts do not change. */
#define _POSIX_C_SOURCE 200809L
#include <dataclay_metrics.h>

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "http.h"
#include "tap.h"
#include "thread.h"

static dcm_counter *counter;

static void *count(void *unused) {
    for (int i = 0; i < 1000; ++i) {
        dcm_counter_inc(counter);
    }
    return unused;
}

static void count_on_two_threads(void) {
    pthread_t threads[2];
    for (int i = 0; i < 2; ++i) {
        start_thread(&threads[i], count, NULL);
    }
    for (int i = 0; i < 2; ++i) {
        pthread_join(threads[i], NULL);
    }
}

/* Runs in the child. Returns one bit for each check that failed. */
static int child(dcm_exporter *exporter, dcm_gauge *gauge, uint16_t port_of_parent) {
    uint64_t total = 1;
    double value = 0;
    const uint16_t port = port_of(exporter);
    int wrong = 0;
    NEED(dcm_counter_get(counter, &total));
    wrong |= total != 0 ? 1 : 0;
    count_on_two_threads();
    dcm_counter_inc(counter);
    NEED(dcm_counter_get(counter, &total));
    wrong |= total != 2001 ? 2 : 0;
    NEED(dcm_gauge_get(gauge, &value));
    wrong |= value != 5 ? 4 : 0;
    wrong |= port == port_of_parent ? 8 : 0;
    wrong |= !served(port, "\nforked_total 2001\n") ? 16 : 0;
    wrong |= !served(port_of_parent, "\nforked_total 2000\n") ? 32 : 0;
    NEED(dcm_exporter_stop(exporter, 1));
    dcm_exporter_free(exporter);
    dcm_counter_free(counter);
    dcm_gauge_free(gauge);
    return wrong;
}

int main(void) {
    dcm_registry *registry;
    dcm_gauge *gauge;
    dcm_exporter *exporter;
    uint64_t total = 0;
    NEED(dcm_registry_new(&registry));
    NEED(dcm_counter_new(registry, "forked", "", NULL, 0, &counter));
    NEED(dcm_gauge_new(registry, "gauge", "", NULL, 0, &gauge));
    NEED(dcm_exporter_start_http(registry, "127.0.0.1", 0, &exporter));
    const uint16_t port = port_of(exporter);
    dcm_gauge_set(gauge, 5);
    count_on_two_threads();
    CHECK(served(port, "\nforked_total 2000\n"), "the parent exports before the fork");

    pid_t process = fork();
    if (process == 0) {
        int wrong = child(exporter, gauge, port);
        dcm_registry_free(registry);
        exit(wrong); /* not _exit, so that valgrind and the sanitizers check the child too */
    }
    int status = -1;
    waitpid(process, &status, 0);
    int wrong = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
    CHECK(!(wrong & 1), "the child starts at zero");
    CHECK(!(wrong & 2), "the child counts on new threads too");
    CHECK(!(wrong & 4), "gauges keep their values in the child");
    CHECK(!(wrong & 8), "the child listens on its own port");
    CHECK(!(wrong & 16), "the child exports its own counts");
    CHECK(!(wrong & 32), "the parent exports its own counts at the same time");
    CHECK(wrong == 0, "the child exits without an error");

    NEED(dcm_counter_get(counter, &total));
    CHECK(total == 2000, "the count of the parent does not change");
    CHECK(served(port, "\nforked_total 2000\n"), "the parent exports after the fork");
    dcm_exporter_free(exporter);
    dcm_counter_free(counter);
    dcm_gauge_free(gauge);
    dcm_registry_free(registry);
    return tap_end();
}
