/* Measures an increment and an observation through dlopen, compared with empty calls and peers.
 * `make bench-c` runs it.
 *
 *     increment LIBDATACLAY_METRICS LIBPEERS
 *
 * It prints the minimum and the median over the rounds, in ns of processor time per call in one
 * thread. This includes the call through a pointer, the loop, and the wait for a contended cache
 * line, but not the wait for a core. The calls take turns, so that other load on the machine
 * affects all of them. */
#define _POSIX_C_SOURCE 200809L
#include <dataclay_metrics.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 61, CALLS = 500000, MOST_THREADS = 4 };

typedef void (*increment)(const void *counter);
typedef void (*observe)(const void *histogram, double number);

/* A measured call: one of the two functions, and its first argument. */
struct call {
    increment increment;
    observe observe;
    const void *metric;
};

static struct call measured;
static pthread_barrier_t barrier;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void repeat(const struct call *call, int times) {
    if (call->increment != NULL) {
        for (int i = 0; i < times; ++i) {
            call->increment(call->metric);
        }
    } else {
        for (int i = 0; i < times; ++i) {
            call->observe(call->metric, 0.3);
        }
    }
}

static void *measure(void *ns) {
    struct call call = measured;
    repeat(&call, 1); /* the first call of a thread claims its block */
    pthread_barrier_wait(&barrier);
    double began = now();
    repeat(&call, CALLS);
    *(double *)ns = (now() - began) / CALLS;
    return NULL;
}

/* Measures one round. Returns the mean ns per call. */
static double measure_round(int threads) {
    pthread_t thread[MOST_THREADS];
    double ns[MOST_THREADS], sum = 0;
    pthread_barrier_init(&barrier, NULL, (unsigned)threads);
    for (int i = 0; i < threads; ++i) {
        if (pthread_create(&thread[i], NULL, measure, &ns[i]) != 0) {
            exit(1);
        }
    }
    for (int i = 0; i < threads; ++i) {
        pthread_join(thread[i], NULL);
        sum += ns[i];
    }
    pthread_barrier_destroy(&barrier);
    return sum / threads;
}

static int by_size(const void *a, const void *b) {
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static void *symbol(void *library, const char *name) {
    void *found = dlsym(library, name);
    if (found == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return found;
}

int main(int count, char **arguments) {
    void *ours = dlopen(count == 3 ? arguments[1] : "", RTLD_NOW | RTLD_LOCAL);
    void *peers = dlopen(count == 3 ? arguments[2] : "", RTLD_NOW | RTLD_LOCAL);
    if (ours == NULL || peers == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    dcm_status (*registry_new)(dcm_registry **);
    dcm_status (*counter_new)(dcm_registry *, const char *, const char *, const dcm_label *, size_t,
                              dcm_counter **);
    dcm_status (*histogram_new)(dcm_registry *, const char *, const char *, const dcm_label *,
                                size_t, dcm_histogram **);
    *(void **)&registry_new = symbol(ours, "dcm_registry_new");
    *(void **)&counter_new = symbol(ours, "dcm_counter_new");
    *(void **)&histogram_new = symbol(ours, "dcm_histogram_new");
    dcm_registry *registry;
    dcm_counter *counter;
    dcm_histogram *histogram;
    if (registry_new(&registry) != DCM_OK ||
        counter_new(registry, "increments", "", NULL, 0, &counter) != DCM_OK ||
        histogram_new(registry, "observations", "", NULL, 0, &histogram) != DCM_OK) {
        return 1;
    }

    struct {
        const char *name;
        void *function;
        const void *metric;
        int observes, base; /* base: index of the empty call to compare with */
        double ns[ROUNDS];
    } all[] = {
        {"empty call", symbol(peers, "peer_empty"), counter, 0, 0, {0}},
        {"plain add", symbol(peers, "peer_add"), counter, 0, 0, {0}},
        {"dcm_counter_inc", symbol(ours, "dcm_counter_inc"), counter, 0, 0, {0}},
        {"lock xadd", symbol(peers, "peer_lock_xadd"), counter, 0, 0, {0}},
        {"digitalocean style", symbol(peers, "peer_locking"), counter, 0, 0, {0}},
        {"empty observe", symbol(peers, "peer_empty_observe"), histogram, 1, 5, {0}},
        {"dcm_histogram_observe", symbol(ours, "dcm_histogram_observe"), histogram, 1, 5, {0}},
    };
    enum { ALL = sizeof all / sizeof *all };
    for (int threads = 1; threads <= MOST_THREADS; threads *= MOST_THREADS) {
        for (int round = 0; round < ROUNDS; ++round) {
            for (int i = 0; i < ALL; ++i) {
                measured = (struct call){.metric = all[i].metric};
                if (all[i].observes) {
                    *(void **)&measured.observe = all[i].function;
                } else {
                    *(void **)&measured.increment = all[i].function;
                }
                all[i].ns[round] = measure_round(threads);
            }
        }
        printf("%d thread%s               minimum   median   of an empty call\n", threads,
               threads == 1 ? " " : "s");
        for (int i = 0; i < ALL; ++i) {
            qsort(all[i].ns, ROUNDS, sizeof(double), by_size);
            printf("  %-21s %8.2f %8.2f   %6.1f x\n", all[i].name, all[i].ns[0],
                   all[i].ns[ROUNDS / 2], all[i].ns[0] / all[all[i].base].ns[0]);
        }
    }
    return 0;
}
