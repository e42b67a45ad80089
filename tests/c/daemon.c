/* A process that becomes a daemon keeps the port of its scrape endpoint. Its first process may end
 * at once, or when the daemon is ready. A child whose parent lives never takes its parent's port.
 */
#define _DEFAULT_SOURCE
#include <dataclay_metrics.h>

#include <sys/wait.h>
#include <unistd.h>

#include "http.h"
#include "tap.h"

enum { SECONDS = 30, MOMENT = 10000 };

static dcm_registry *registry;
static dcm_counter *counter;
static dcm_exporter *exporter;

static uint16_t port(void) {
    uint16_t now = 0;
    NEED(dcm_exporter_port(exporter, &now));
    return now;
}

static void start(uint16_t on) {
    NEED(dcm_exporter_start_http(registry, "127.0.0.1", on, &exporter));
}

static void pass(int ends[2]) {
    if (write(ends[1], "", 1) != 1) {
        _exit(1);
    }
}

/* Waits until the other side passes, or ends. Returns whether it passed. */
static int wait_for_pass(int ends[2]) {
    char byte;
    close(ends[1]);
    return read(ends[0], &byte, 1) == 1;
}

static void open_pipe(int ends[2]) {
    if (pipe(ends) != 0) {
        exit(1);
    }
}

/* Runs in the daemon: whether it exports, and soon on this port. */
static int has_moved_to(uint16_t first) {
    dcm_counter_inc(counter);
    alarm(SECONDS); /* ends a daemon that hangs, so that the test fails */
    for (int i = 0; i < SECONDS * (1000000 / MOMENT); ++i) {
        if (port() == first) {
            return served(first, "\ndaemon_total 1\n");
        }
        usleep(MOMENT);
    }
    return 0;
}

/* Runs a program that becomes a daemon, which ends by itself. Returns whether that passed. */
static int passes(void (*program)(int ends[2])) {
    int ends[2], passed;
    open_pipe(ends);
    pid_t process = fork();
    if (process == 0) {
        start(0);
        program(ends);
        _exit(0);
    }
    passed = wait_for_pass(ends);
    waitpid(process, NULL, 0);
    close(ends[0]);
    return passed;
}

static void parent_ends_at_once(int ends[2]) {
    const uint16_t first = port();
    if (daemon(1, 1) == 0 && has_moved_to(first)) {
        pass(ends);
    }
}

/* Follows daemon(7): two forks, and the first process ends when the daemon is ready. */
static void parent_waits(int ends[2]) {
    const uint16_t first = port();
    int ready[2];
    open_pipe(ready);
    if (fork() != 0) {
        _exit(!wait_for_pass(ready));
    }
    setsid();
    if (fork() != 0) {
        _exit(0);
    }
    if (port() != first && served(port(), "\ndaemon_total 0\n")) {
        pass(ready);
        if (has_moved_to(first)) {
            pass(ends);
        }
    }
}

static void parent_lives(int ends[2]) {
    const uint16_t first = port();
    int done[2];
    open_pipe(done);
    if (fork() == 0) {
        /* Twice as long as a child takes to look for its parent. */
        usleep(MOMENT * 20);
        if (port() != first && served(port(), "\ndaemon_total 0\n")) {
            pass(done);
        }
        _exit(0);
    }
    dcm_exporter_free(exporter);
    if (wait_for_pass(done)) {
        start(first);
        pass(ends);
    }
    wait(NULL);
}

int main(void) {
    NEED(dcm_registry_new(&registry));
    NEED(dcm_counter_new(registry, "daemon", "", NULL, 0, &counter));
    CHECK(passes(parent_ends_at_once), "after daemon(), the port is the one from before");
    CHECK(passes(parent_waits), "also if the first process ends after the daemon is ready");
    CHECK(passes(parent_lives), "a child leaves the port to a parent that lives");
    dcm_counter_free(counter);
    dcm_registry_free(registry);
    return tap_end();
}
