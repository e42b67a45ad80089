/* Loads the library by dlopen, with and without room in the static thread-local storage. It loads
 * in both cases. Its counts are exact, also in destructors of threads and in a forked child.
 *
 *     tls LIBRARY static|dynamic [LIBRARY THAT USES THE STORAGE UP]...
 */
#define _GNU_SOURCE
#include <dataclay_metrics.h>

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

enum { THREADS = 8, INCREMENTS = 100000 };

static dcm_status (*registry_new)(dcm_registry **);
static dcm_status (*counter_new)(dcm_registry *, const char *, const char *, const dcm_label *,
                                 size_t, dcm_counter **);
static void (*inc)(const dcm_counter *);
static dcm_status (*get)(const dcm_counter *, uint64_t *);
static const char *(*error_last)(void);

static dcm_counter *counter;
static pthread_key_t at_end;

/* tap.h needs it, because this program is not linked with the library. */
const char *dcm_error_last(void) {
    return error_last == NULL ? "" : error_last();
}

static int look(struct dl_phdr_info *info, size_t size, void *storage) {
    (void)size;
    if (strstr(info->dlpi_name, "libdataclay_metrics") != NULL) {
        *(void **)storage = info->dlpi_tls_data;
    }
    return 0;
}

/* Returns whether a thread has the library's storage before it calls the library. */
static int is_static(void) {
    void *storage = NULL;
    dl_iterate_phdr(look, &storage);
    return storage != NULL;
}

/* Runs when the thread ends: destructors of pthread keys run after those of C++ and Rust. */
static void count_at_end(void *unused) {
    (void)unused;
    inc(counter);
}

static void *count(void *has_storage) {
    *(int *)has_storage = is_static();
    pthread_setspecific(at_end, &at_end);
    for (int i = 0; i < INCREMENTS; ++i) {
        inc(counter);
    }
    return NULL;
}

/* Returns how many threads had the storage when they started. */
static int count_on_threads(void) {
    pthread_t threads[THREADS];
    int has_storage[THREADS], sum = 0;
    for (int i = 0; i < THREADS; ++i) {
        if (pthread_create(&threads[i], NULL, count, &has_storage[i]) != 0) {
            printf("Bail out! no thread\n");
            exit(1);
        }
    }
    for (int i = 0; i < THREADS; ++i) {
        pthread_join(threads[i], NULL);
        sum += has_storage[i];
    }
    return sum;
}

static uint64_t total(void) {
    uint64_t sum = 0;
    NEED(get(counter, &sum));
    return sum;
}

static void *symbol(void *library, const char *name) {
    void *found = dlsym(library, name);
    if (found == NULL) {
        printf("Bail out! %s\n", dlerror());
        exit(1);
    }
    return found;
}

int main(int arguments, char **argument) {
    const uint64_t once = (uint64_t)THREADS * (INCREMENTS + 1);
    dcm_registry *registry;
    int loaded = 3, status = -1;
    if (arguments < 3) {
        return 2;
    }
    while (loaded < arguments && dlopen(argument[loaded], RTLD_NOW) != NULL) {
        ++loaded;
    }
    CHECK(arguments == 3 || loaded < arguments,
          "the static storage is full if other libraries are given");

    void *library = dlopen(argument[1], RTLD_NOW | RTLD_LOCAL);
    CHECK(library != NULL, "the library is loaded");
    if (library == NULL) {
        printf("# %s\n", dlerror());
        return tap_end();
    }
    *(void **)&registry_new = symbol(library, "dcm_registry_new");
    *(void **)&counter_new = symbol(library, "dcm_counter_new");
    *(void **)&inc = symbol(library, "dcm_counter_inc");
    *(void **)&get = symbol(library, "dcm_counter_get");
    *(void **)&error_last = symbol(library, "dcm_error_last");
    pthread_key_create(&at_end, count_at_end);
    NEED(registry_new(&registry));
    NEED(counter_new(registry, "c", "", NULL, 0, &counter));

    int had = count_on_threads();
    CHECK(had == (strcmp(argument[2], "static") == 0 ? THREADS : 0), argument[2]);
    CHECK(total() == once, "the count is exact, including destructors of threads");
    inc(counter);
    pid_t child = fork();
    if (child == 0) {
        int wrong = total() != 0;
        inc(counter);
        count_on_threads();
        _exit(wrong || total() != once + 1);
    }
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the count is exact in a forked child");
    CHECK(total() == once + 1, "the child does not change the count of the parent");

    CHECK(dlclose(library) == 0 && dlopen(argument[1], RTLD_NOW | RTLD_NOLOAD) != NULL,
          "dlclose does not unload the library");
    inc(counter);
    CHECK(total() == once + 2, "the library still counts after dlclose");
    return tap_end();
}
