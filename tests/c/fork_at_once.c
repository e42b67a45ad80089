/* Two threads fork repeatedly while others count and scrape. No child hangs. Each child starts at
 * zero and exports its own counts. The counts of the parent are exact.
 *
 *     fork_at_once [FORKS OF EACH THREAD]
 */
#define _POSIX_C_SOURCE 200809L
#include <dataclay_metrics.h>

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "http.h"
#include "tap.h"
#include "thread.h"

static dcm_counter *counter;
static dcm_exporter *exporter;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int forks, stopped;

static int is_stopped(void) {
    pthread_mutex_lock(&lock);
    int now = stopped;
    pthread_mutex_unlock(&lock);
    return now;
}

static void *count(void *counted) {
    while (!is_stopped()) {
        dcm_counter_inc(counter);
        ++*(uint64_t *)counted;
    }
    return NULL;
}

static void *scrape(void *failures) {
    const uint16_t port = port_of(exporter);
    while (!is_stopped()) {
        *(int *)failures += !served(port, "\nforked_total ");
    }
    return NULL;
}

/* Runs in the child. Returns one bit for each check that failed. */
static int child(void) {
    uint64_t total = 1;
    int wrong = 0;
    alarm(60); /* ends a child that hangs, so that the test fails */
    NEED(dcm_counter_get(counter, &total));
    wrong |= total != 0 ? 1 : 0;
    dcm_counter_inc(counter);
    wrong |= !served(port_of(exporter), "\nforked_total 1\n") ? 2 : 0;
    return wrong;
}

static void *fork_repeatedly(void *failures) {
    for (int i = 0; i < forks; ++i) {
        int status = -1;
        pid_t process = fork();
        if (process == 0) {
            int wrong = child();
            /* The memory of the parent's other threads is a leak in a child. exec ends the child
             * without a report from valgrind. */
            if (wrong == 0) {
                execlp("true", "true", (char *)NULL);
            }
            _exit(wrong);
        }
        waitpid(process, &status, 0);
        *(int *)failures += status != 0;
    }
    return NULL;
}

int main(int arguments, char **argument) {
    dcm_registry *registry;
    pthread_t forking[2], counting[2], scraping;
    uint64_t counted[2] = {0, 0}, total = 0;
    int failures[2] = {0, 0}, failed_scrapes = 0;
    forks = arguments > 1 ? atoi(argument[1]) : 50;
    NEED(dcm_registry_new(&registry));
    NEED(dcm_counter_new(registry, "forked", "", NULL, 0, &counter));
    NEED(dcm_exporter_start_http(registry, "127.0.0.1", 0, &exporter));
    start_thread(&scraping, scrape, &failed_scrapes);
    for (int i = 0; i < 2; ++i) {
        start_thread(&counting[i], count, &counted[i]);
        start_thread(&forking[i], fork_repeatedly, &failures[i]);
    }
    pthread_join(forking[0], NULL);
    pthread_join(forking[1], NULL);
    pthread_mutex_lock(&lock);
    stopped = 1;
    pthread_mutex_unlock(&lock);
    pthread_join(counting[0], NULL);
    pthread_join(counting[1], NULL);
    pthread_join(scraping, NULL);

    CHECK(failures[0] + failures[1] == 0,
          "every child counts from zero and exports its own counts");
    CHECK(failed_scrapes == 0, "every scrape of the parent succeeds");
    NEED(dcm_counter_get(counter, &total));
    CHECK(total == counted[0] + counted[1], "the parent's count is exact");
    dcm_exporter_free(exporter);
    dcm_counter_free(counter);
    dcm_registry_free(registry);
    return tap_end();
}
