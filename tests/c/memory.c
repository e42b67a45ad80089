/* Freeing an exporter frees its memory. Removing a child frees its memory, even if threads have
 * looked it up. */
#define _GNU_SOURCE
#include <dataclay_metrics.h>

#include <malloc.h>
#include <pthread.h>
#include <unistd.h>

#include "tap.h"

static dcm_registry *registry;
static dcm_gateway *gateway;

enum kind { HTTP, PUSH, ENVIRONMENT };

static void start_and_free(enum kind kind) {
    dcm_exporter *exporter;
    NEED(kind == HTTP   ? dcm_exporter_start_http(registry, "127.0.0.1", 0, &exporter)
         : kind == PUSH ? dcm_exporter_start_push(registry, gateway, 60, &exporter)
                        : dcm_exporter_start_env(registry, &exporter));
    dcm_exporter_free(exporter);
}

/* Returns the bytes that each of 200 exporters leaves in use. */
static double leaked(enum kind kind) {
    size_t before = 0;
    int at;
    for (at = 0; at < 220; ++at) {
        if (at == 20) {
            before = mallinfo2().uordblks;
        }
        start_and_free(kind);
    }
    return ((double)mallinfo2().uordblks - (double)before) / 200;
}

/* If this is not NULL, each thread waits here before it removes its children. */
static pthread_barrier_t *before_removal;

/* Looks up the children of a family, and then removes them. */
static void look_up_and_remove(const char *name, size_t length) {
    char *value = (char *)malloc(length + 1);
    const char *const names[] = {"key"};
    const char *values[1];
    dcm_counter_family *family;
    dcm_counter *child;
    int at, twice;
    if (value == NULL) {
        exit(1);
    }
    memset(value, 'x', length);
    value[length] = '\0';
    values[0] = value;
    NEED(dcm_counter_family_new(registry, name, "", names, 1, &family));
    for (at = 0; at < 200; ++at) {
        value[0] = (char)('0' + at % 50);
        value[1] = (char)('0' + at / 50);
        for (twice = 0; twice < 2; ++twice) {
            NEED(dcm_counter_family_with_labels(family, values, 1, &child));
            dcm_counter_inc(child);
            dcm_counter_free(child);
        }
    }
    if (before_removal != NULL) {
        pthread_barrier_wait(before_removal);
    }
    NEED(dcm_counter_family_clear(family));
    NEED(dcm_counter_family_unregister(family, registry));
    dcm_counter_family_free(family);
    free(value);
}

/* Looks up children, removes them, and looks up a child of another family. Returns the bytes that
 * stay in use. */
static double kept(const char *name, size_t length) {
    static const char *const names[] = {"key"}, *const values[] = {"value"};
    static dcm_counter_family *other;
    dcm_counter *child;
    size_t before;
    if (other == NULL) {
        NEED(dcm_counter_family_new(registry, "other", "", names, 1, &other));
    }
    before = mallinfo2().uordblks;
    look_up_and_remove(name, length);
    NEED(dcm_counter_family_with_labels(other, values, 1, &child));
    dcm_counter_free(child);
    return (double)mallinfo2().uordblks - (double)before;
}

/* Returns the RAM of this process in bytes, without the heap. */
static double resident(void) {
    long unused, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%ld %ld", &unused, &pages) != 2) {
        exit(1);
    }
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) - (double)mallinfo2().arena;
}

enum { THREADS = 200 };

static pthread_barrier_t all, looked_up, end;

/* Runs on each of many threads: makes and removes families. */
static void *make_and_remove(void *number) {
    int round;
    for (round = 0; round < 4; ++round) {
        char name[32];
        snprintf(name, sizeof name, "thread_%d_%d", *(int *)number, round);
        look_up_and_remove(name, 10);
    }
    pthread_barrier_wait(&looked_up);
    pthread_barrier_wait(&end);
    return NULL;
}

/* Checks the memory of many threads that have removed all their children, and still run. */
static void many_threads(void) {
    static pthread_t threads[THREADS];
    static int numbers[THREADS];
    double in_use = (double)mallinfo2().uordblks, in_ram = resident();
    int at;
    before_removal = &all;
    pthread_barrier_init(&all, NULL, THREADS);
    pthread_barrier_init(&looked_up, NULL, THREADS + 1);
    pthread_barrier_init(&end, NULL, THREADS + 1);
    for (at = 0; at < THREADS; ++at) {
        numbers[at] = at;
        pthread_create(&threads[at], NULL, make_and_remove, &numbers[at]);
    }
    pthread_barrier_wait(&looked_up);
    in_use = (double)mallinfo2().uordblks - in_use;
    in_ram = resident() - in_ram;
    pthread_barrier_wait(&end);
    for (at = 0; at < THREADS; ++at) {
        pthread_join(threads[at], NULL);
    }
    before_removal = NULL;
    CHECK(in_use / THREADS < 60000, "caches of threads do not keep removed children");
    /* A quiet machine measures half of this limit; with a leak of the words, twice the limit. */
    CHECK(in_ram / THREADS < 80000, "threads return the words of removed children");
}

static void *idle(void *unused) {
    look_up_and_remove("idle_thread", 100000);
    pthread_barrier_wait(&looked_up);
    pthread_barrier_wait(&end);
    return unused;
}

int main(void) {
    pthread_t thread;
    size_t before;
    mallopt(M_ARENA_MAX, 1); /* mallinfo2 reports one arena. */
    NEED(dcm_registry_new(&registry));
    NEED(dcm_gateway_new("127.0.0.1:9", "memory", NULL, 0, &gateway));
    CHECK(leaked(HTTP) < 16, "freeing a scrape endpoint frees its memory");
    CHECK(leaked(PUSH) < 16, "freeing a push exporter frees its memory");
    CHECK(leaked(ENVIRONMENT) < 16, "freeing an exporter from the environment frees its memory");

    CHECK(kept("short", 10) < 48000, "the cache of a thread does not keep removed children");
    CHECK(kept("long", 1000) < 48000, "the cache of a thread does not keep long labels");
    many_threads();
    before = mallinfo2().uordblks;
    pthread_barrier_init(&looked_up, NULL, 2);
    pthread_barrier_init(&end, NULL, 2);
    pthread_create(&thread, NULL, idle, NULL);
    pthread_barrier_wait(&looked_up);
    CHECK(mallinfo2().uordblks < before + (1 << 20),
          "the cache of an idle thread keeps less than a megabyte");
    pthread_barrier_wait(&end);
    pthread_join(thread, NULL);
    dcm_gateway_free(gateway);
    dcm_registry_free(registry);
    return tap_end();
}
