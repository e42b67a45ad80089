/* The counts of many threads are exact. Each thread has its own last error. Two threads may stop
 * the same exporter. */
#define _POSIX_C_SOURCE 200809L
#include <dataclay_metrics.h>

#include <pthread.h>

#include "tap.h"
#include "thread.h"

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

static void *count_once(void *unused) {
    dcm_counter_inc(counter);
    return unused;
}

static void *check_error(void *is_separate) {
    *(int *)is_separate = strcmp(dcm_error_last(), "") == 0;
    dcm_counter_get(NULL, NULL);
    *(int *)is_separate &= strcmp(dcm_error_last(), "") != 0;
    return NULL;
}

static void *stop(void *status) {
    *(dcm_status *)status = dcm_exporter_stop(exporter, 1);
    return NULL;
}

int main(int count_of_arguments, char **arguments) {
    pthread_t threads[THREADS];
    dcm_registry *registry;
    uint64_t total = 0, last = 0;
    int decreases = 0, is_separate = 0;
    dcm_status stopped[2];
    if (count_of_arguments > 1) {
        increments = atol(arguments[1]); /* fewer under valgrind, where each takes longer */
    }
    NEED(dcm_registry_new(&registry));
    NEED(dcm_counter_new(registry, "increments", "", NULL, 0, &counter));
    for (int i = 0; i < THREADS; ++i) {
        start_thread(&threads[i], count, NULL);
    }
    for (int i = 0; i < 1000; ++i) {
        NEED(dcm_counter_get(counter, &total));
        decreases += total < last;
        last = total;
    }
    for (int i = 0; i < THREADS; ++i) {
        pthread_join(threads[i], NULL);
    }
    NEED(dcm_counter_get(counter, &total));
    CHECK(total == (uint64_t)increments * THREADS, "the increments of 8 threads are exact");
    CHECK(decreases == 0, "a count never goes down");
    for (int i = 0; i < 1000; ++i) {
        start_thread(&threads[0], count_once, NULL);
        pthread_join(threads[0], NULL);
    }
    NEED(dcm_counter_get(counter, &total));
    CHECK(total == (uint64_t)increments * THREADS + 1000,
          "the increments of 1000 short threads are exact");

    CHECK(dcm_counter_get(NULL, NULL) == DCM_ERROR_NULL, "the main thread has an error");
    start_thread(&threads[0], check_error, &is_separate);
    pthread_join(threads[0], NULL);
    CHECK(is_separate, "each thread has its own last error");

    NEED(dcm_exporter_start_http(registry, "127.0.0.1", 0, &exporter));
    start_thread(&threads[0], stop, &stopped[0]);
    start_thread(&threads[1], stop, &stopped[1]);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    CHECK(stopped[0] == DCM_OK && stopped[1] == DCM_OK, "two threads may stop the same exporter");
    dcm_exporter_free(exporter);
    dcm_counter_free(counter);
    dcm_registry_free(registry);
    return tap_end();
}
