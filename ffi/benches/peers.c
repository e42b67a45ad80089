/* The peers of dcm_counter_inc and dcm_histogram_observe in increment.c, in a shared library. */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void peer_empty(const void *counter);
void peer_empty_observe(const void *histogram, double number);
void peer_add(const void *counter);
void peer_lock_xadd(const void *counter);
void peer_locking(const void *counter);

static uint64_t count;

/* The lower limit of an increment: only the call. */
void peer_empty(const void *counter) {
    (void)counter;
}

/* The lower limit of an observation. */
void peer_empty_observe(const void *histogram, double number) {
    (void)histogram;
    (void)number;
}

/* A plain add, exact only with one thread. */
void peer_add(const void *counter) {
    (void)counter;
    *(volatile uint64_t *)&count += 1;
}

/* One atomic for all threads. */
void peer_lock_xadd(const void *counter) {
    (void)counter;
    __atomic_fetch_add(&count, 1, __ATOMIC_RELAXED);
}

/* An increment as in digitalocean/prometheus-client-c. It takes a write lock, and writes the name
 * and the labels into a new string. It finds the sample by that string, and adds by compare and
 * swap. */
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static double sample;

void peer_locking(const void *counter) {
    (void)counter;
    pthread_rwlock_wrlock(&lock);
    char *key = malloc(64);
    if (key != NULL) {
        snprintf(key, 64, "%s", "requests_total");
        if (strcmp(key, "requests_total") == 0) {
            double before, after;
            __atomic_load(&sample, &before, __ATOMIC_RELAXED);
            do {
                after = before + 1;
            } while (!__atomic_compare_exchange(&sample, &before, &after, 0, __ATOMIC_RELAXED,
                                                __ATOMIC_RELAXED));
        }
        free(key);
    }
    pthread_rwlock_unlock(&lock);
}
