/* Counts of many threads are exact. Each thread has its own last error. Two threads may stop one
 * exporter. */
#define _POSIX_C_SOURCE 200809L
#include <dataclay_metrics.h>

#include <pthread.h>

#include "tap.h"

enum { THREADS = 8 };

static dcm_counter *counter;
static dcm_exporter *exporter;
static long increments = 1000000;

static void *count(void *unused) {
    for (long i = 0; i < increments; ++i) {
        dcm_counter_inc(counter);
    }
    return unused;
}

static void *one_increment(void *unused) {
    dcm_counter_inc(counter);
    return unused;
}

static void *clean(void *is_clean) {
    *(int *)is_clean = strcmp(dcm_error_last(), "") == 0;
    dcm_counter_get(NULL, NULL);
    *(int *)is_clean &= strcmp(dcm_error_last(), "") != 0;
    return NULL;
}

static void *stop(void *status) {
    *(dcm_status *)status = dcm_exporter_stop(exporter, 1);
    return NULL;
}

static void start(pthread_t *thread, void *(*run)(void *), void *argument) {
    if (pthread_create(thread, NULL, run, argument) != 0) {
        printf("Bail out! no thread\n");
        exit(1);
    }
}

int main(int count_of_arguments, char **arguments) {
    pthread_t threads[THREADS];
    dcm_registry *registry;
    uint64_t total = 0, last = 0;
    int falls = 0, is_clean = 0;
    dcm_status stopped[2];
    if (count_of_arguments > 1) {
        increments = atol(arguments[1]); /* fewer under valgrind, where each takes longer */
    }
    NEED(dcm_registry_new(&registry));
    NEED(dcm_counter_new(registry, "increments", "", NULL, 0, &counter));
    for (int i = 0; i < THREADS; ++i) {
        start(&threads[i], count, NULL);
    }
    for (int i = 0; i < 1000; ++i) {
        NEED(dcm_counter_get(counter, &total));
        falls += total < last;
        last = total;
    }
    for (int i = 0; i < THREADS; ++i) {
        pthread_join(threads[i], NULL);
    }
    NEED(dcm_counter_get(counter, &total));
    CHECK(total == (uint64_t)increments * THREADS, "the increments of 8 threads are exact");
    CHECK(falls == 0, "a count never goes down");
    for (int i = 0; i < 1000; ++i) {
        start(&threads[0], one_increment, NULL);
        pthread_join(threads[0], NULL);
    }
    NEED(dcm_counter_get(counter, &total));
    CHECK(total == (uint64_t)increments * THREADS + 1000, "1000 short threads lose nothing");

    CHECK(dcm_counter_get(NULL, NULL) == DCM_ERROR_NULL, "this thread has an error");
    start(&threads[0], clean, &is_clean);
    pthread_join(threads[0], NULL);
    CHECK(is_clean, "each thread has its own last error");

    NEED(dcm_exporter_start_http(registry, "127.0.0.1", 0, &exporter));
    start(&threads[0], stop, &stopped[0]);
    start(&threads[1], stop, &stopped[1]);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    CHECK(stopped[0] == DCM_OK && stopped[1] == DCM_OK, "two threads may stop one exporter");
    dcm_exporter_free(exporter);
    dcm_counter_free(counter);
    dcm_registry_free(registry);
    return tap_end();
}
