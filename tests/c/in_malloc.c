/* A program whose malloc counts its calls, as memory profilers do. It counts the first call of each
 * thread, and the calls in destructors of thread-specific data. */
#define _GNU_SOURCE
#include <dataclay_metrics.h>

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "tap.h"

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);

static dcm_registry *registry;
static dcm_counter *calls, *bytes;
static dcm_gauge *latest;
static atomic_ulong expected_calls;
static atomic_int is_counting;
static pthread_key_t key;

static void count(size_t size) {
    if (is_counting) {
        ++expected_calls;
        dcm_counter_inc(calls);
        dcm_counter_inc_by_double(bytes, 0.5);
        dcm_gauge_set(latest, (double)size);
    }
}

void *malloc(size_t size) {
    count(size);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    count(size);
    return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size) {
    count(size);
    return __libc_realloc(memory, size);
}

static void allocate_at_end(void *unused) {
    (void)unused;
    free(malloc(10));
}

static void *allocate(void *unused) {
    int at;
    pthread_setspecific(key, unused);
    for (at = 0; at < 100; ++at) {
        free(malloc(10));
    }
    return NULL;
}

/* Starts to count before main. */
__attribute__((constructor)) static void start_early(void) {
    NEED(dcm_registry_new(&registry));
    NEED(dcm_counter_new(registry, "calls", "", NULL, 0, &calls));
    NEED(dcm_counter_new(registry, "bytes", "", NULL, 0, &bytes));
    NEED(dcm_gauge_new(registry, "latest", "", NULL, 0, &latest));
    is_counting = 1;
}

int main(void) {
    pthread_t threads[8];
    dcm_exporter *exporter;
    char *text;
    uint64_t counted;
    double halves;
    int round, at;
    alarm(60); /* ends a program whose malloc waits for itself */
    pthread_key_create(&key, allocate_at_end);
    for (round = 0; round < 50; ++round) {
        for (at = 0; at < 8; ++at) {
            pthread_create(&threads[at], NULL, allocate, &round);
        }
        for (at = 0; at < 8; ++at) {
            pthread_join(threads[at], NULL);
        }
    }
    NEED(dcm_exporter_start_http(registry, "127.0.0.1", 0, &exporter));
    NEED(dcm_registry_encode_new(registry, DCM_FORMAT_TEXT, &text));
    dcm_string_free(text);
    dcm_exporter_free(exporter);
    is_counting = 0;
    NEED(dcm_counter_get(calls, &counted));
    NEED(dcm_counter_get_double(bytes, &halves));
    CHECK(counted > 50 * 8 * 101, "the threads allocate memory");
    CHECK(counted == expected_calls, "every call of malloc is counted once");
    CHECK(halves == (double)expected_calls / 2, "malloc can count fractions");
    dcm_gauge_free(latest);
    dcm_counter_free(bytes);
    dcm_counter_free(calls);
    dcm_registry_free(registry);
    return tap_end();
}
