/* A fork waits for the library at most a tenth of a second, whatever the exporters' threads do.
 * Here they block in the look-up of a name, in the function of a gauge or in the log function. The
 * child still exports.
 *
 *     fork_waits
 */
#define _GNU_SOURCE
#include <dataclay_metrics.h>

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "http.h"
#include "tap.h"

/* On a busy machine a fork may take longer, so only the fastest of some attempts counts. */
enum { ATTEMPTS = 5, TIMEOUT = 60, PUSHERS = 3 };
static const double LIMIT = 0.3; /* seconds; a tenth would be too strict for any machine */

/* The function that blocks. */
enum work { NONE, LOOK_UP, VALUE, LOG };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static enum work blocking = NONE;
static int blocked; /* threads that are blocked now */
static pthread_t main_thread;

/* Blocks the exporters' threads. The program's thread sleeps, so that its fork is too slow. */
static void block(enum work work) {
    if (pthread_equal(pthread_self(), main_thread)) {
        sleep(1);
        return;
    }
    pthread_mutex_lock(&lock);
    ++blocked;
    pthread_cond_broadcast(&changed);
    while (blocking == work) {
        pthread_cond_wait(&changed, &lock);
    }
    --blocked;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void set_blocking(enum work work) {
    pthread_mutex_lock(&lock);
    blocking = work;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static int is_blocking(enum work work) {
    pthread_mutex_lock(&lock);
    int is = blocking == work;
    pthread_mutex_unlock(&lock);
    return is;
}

/* Waits until as many threads are blocked, or none. */
static void wait_for_blocked(int threads) {
    pthread_mutex_lock(&lock);
    while (threads == 0 ? blocked > 0 : blocked < threads) {
        pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (name != NULL && strstr(name, ".invalid") != NULL) {
        if (is_blocking(LOOK_UP)) {
            block(LOOK_UP);
        }
        return EAI_AGAIN;
    }
    *(void **)&next = dlsym(RTLD_NEXT, "getaddrinfo");
    return next(name, service, hints, found);
}

static int value_function(void *unused, double *value) {
    (void)unused;
    if (is_blocking(VALUE)) {
        block(VALUE);
    }
    *value = 1;
    return 0;
}

static void log_function(void *unused, int level, const char *message) {
    (void)unused;
    (void)level;
    (void)message;
    if (is_blocking(LOG)) {
        block(LOG);
    }
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Forks. Returns the seconds that this took, or 100 if the child does not export. */
static double fork_takes(const dcm_exporter *http) {
    int status;
    double start = now(), taken;
    pid_t child = fork();
    if (child == 0) {
        alarm(TIMEOUT);
        dcm_log_set_function(NULL, NULL);
        _exit(!served(port_of(http), "\ncounted_total "));
    }
    taken = now() - start;
    waitpid(child, &status, 0);
    return status == 0 ? taken : 100;
}

/* Returns whether a fork is fast while `threads` threads of push exporters block in `work`. */
static int fork_is_fast(enum work work, int pushers, int threads, const dcm_registry *registry,
                        const dcm_gateway *gateway, const dcm_exporter *http) {
    double fastest = 100;
    for (int attempt = 0; attempt < ATTEMPTS && fastest >= LIMIT; ++attempt) {
        dcm_exporter *exporters[PUSHERS];
        double taken;
        alarm(TIMEOUT); /* ends this program if no thread is blocked, or the fork waits for it */
        set_blocking(work);
        for (int i = 0; i < pushers; ++i) {
            NEED(dcm_exporter_start_push(registry, gateway, 3600, &exporters[i]));
        }
        wait_for_blocked(threads);
        taken = fork_takes(http);
        set_blocking(NONE);
        for (int i = 0; i < pushers; ++i) {
            dcm_exporter_stop(exporters[i], 0);
            dcm_exporter_free(exporters[i]);
        }
        wait_for_blocked(0);
        if (taken == 100) {
            return 0;
        }
        fastest = taken < fastest ? taken : fastest;
    }
    alarm(0);
    return fastest < LIMIT;
}

int main(void) {
    dcm_registry *registry, *with_gauge;
    dcm_gauge *gauge;
    dcm_counter *counter;
    dcm_gateway *named, *refusing;
    dcm_exporter *http;
    main_thread = pthread_self();
    NEED(dcm_registry_new(&registry));
    NEED(dcm_counter_new(registry, "counted", "", NULL, 0, &counter));
    NEED(dcm_registry_new(&with_gauge));
    NEED(dcm_gauge_new(with_gauge, "slow", "", NULL, 0, &gauge));
    NEED(dcm_gauge_set_function(gauge, value_function, NULL, NULL));
    NEED(dcm_gateway_new("no-such-name.invalid:9091", "j", NULL, 0, &named));
    NEED(dcm_gateway_new("127.0.0.1:9", "j", NULL, 0, &refusing));
    NEED(dcm_exporter_start_http(registry, "127.0.0.1", 0, &http));

    CHECK(fork_is_fast(LOOK_UP, PUSHERS, PUSHERS, registry, named, http),
          "a fork does not wait for the look-up of names");
    /* Exporters that gather one gauge at the same time share a call of its function. */
    CHECK(fork_is_fast(VALUE, 2, 1, with_gauge, refusing, http),
          "a fork does not wait for the function of a gauge");
    dcm_log_set_function(log_function, NULL);
    CHECK(fork_is_fast(LOG, 1, 1, registry, refusing, http),
          "a fork does not wait for the log function");
    dcm_log_set_function(NULL, NULL);
    CHECK(fork_is_fast(NONE, 0, 0, registry, refusing, http), "a fork is fast if no thread blocks");
    dcm_exporter_free(http);
    dcm_gateway_free(named);
    dcm_gateway_free(refusing);
    return tap_end();
}
