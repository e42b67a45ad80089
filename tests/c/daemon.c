/* A process that becomes a daemon keeps the port of its scrape endpoint. Its first process may end
 * at once, or when the daemon is ready. A child never takes the port of a parent that runs. */
#define _DEFAULT_SOURCE
#include <dataclay_metrics.h>

#include <sys/wait.h>
#include <unistd.h>

#include "http.h"
#include "tap.h"

enum { TIMEOUT = 30, POLL_US = 10000 };

static dcm_registry *registry;
static dcm_counter *counter;
static dcm_exporter *exporter;

static void start(uint16_t port) {
    NEED(dcm_exporter_start_http(registry, "127.0.0.1", port, &exporter));
}

static void report_success(int ends[2]) {
    if (write(ends[1], "", 1) != 1) {
        _exit(1);
    }
}

/* Waits until the other process reports success or ends. Returns whether it reported. */
static int wait_for_success(int ends[2]) {
    char byte;
    close(ends[1]);
    return read(ends[0], &byte, 1) == 1;
}

static void open_pipe(int ends[2]) {
    if (pipe(ends) != 0) {
        exit(1);
    }
}

/* Runs in the daemon. Returns whether its exporter moves to the first process's port in time. */
static int moves_to(uint16_t first) {
    dcm_counter_inc(counter);
    alarm(TIMEOUT); /* ends a daemon that hangs, so that the test fails */
    for (int i = 0; i < TIMEOUT * (1000000 / POLL_US); ++i) {
        if (port_of(exporter) == first) {
            return served(first, "\ndaemon_total 1\n");
        }
        usleep(POLL_US);
    }
    return 0;
}

/* Runs a program in a new process. Returns whether it, or the daemon that it made, succeeds. */
static int succeeds(void (*program)(int ends[2])) {
    int ends[2], success;
    open_pipe(ends);
    pid_t process = fork();
    if (process == 0) {
        start(0);
        program(ends);
        _exit(0);
    }
    success = wait_for_success(ends);
    waitpid(process, NULL, 0);
    close(ends[0]);
    return success;
}

static void parent_ends_at_once(int ends[2]) {
    const uint16_t first = port_of(exporter);
    if (daemon(1, 1) == 0 && moves_to(first)) {
        report_success(ends);
    }
}

/* Follows daemon(7): two forks, and the first process ends when the daemon is ready. */
static void parent_waits(int ends[2]) {
    const uint16_t first = port_of(exporter);
    int ready[2];
    open_pipe(ready);
    if (fork() != 0) {
        _exit(!wait_for_success(ready));
    }
    setsid();
    if (fork() != 0) {
        _exit(0);
    }
    if (port_of(exporter) != first && served(port_of(exporter), "\ndaemon_total 0\n")) {
        report_success(ready);
        if (moves_to(first)) {
            report_success(ends);
        }
    }
}

static void parent_continues(int ends[2]) {
    const uint16_t first = port_of(exporter);
    int done[2];
    open_pipe(done);
    if (fork() == 0) {
        /* A child looks for its parent twice in this time. */
        usleep(POLL_US * 20);
        if (port_of(exporter) != first && served(port_of(exporter), "\ndaemon_total 0\n")) {
            report_success(done);
        }
        _exit(0);
    }
    dcm_exporter_free(exporter);
    if (wait_for_success(done)) {
        start(first);
        report_success(ends);
    }
    wait(NULL);
}

int main(void) {
    NEED(dcm_registry_new(&registry));
    NEED(dcm_counter_new(registry, "daemon", "", NULL, 0, &counter));
    CHECK(succeeds(parent_ends_at_once),
          "a daemon keeps the port if its first process ends at once");
    CHECK(succeeds(parent_waits), "a daemon keeps the port if its first process ends later");
    CHECK(succeeds(parent_continues), "a child does not take the port of a parent that runs");
    dcm_counter_free(counter);
    dcm_registry_free(registry);
    return tap_end();
}
