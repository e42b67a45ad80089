/* Loads the library by dlopen, with and without room in the static thread-local storage. Its counts
 * are exact in both cases, also in destructors of threads and in a forked child.
 *
 *     tls LIBRARY static|dynamic [LIBRARY THAT FILLS THE STORAGE]...
 */
#define _GNU_SOURCE
#include <dataclay_metrics.h>

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"
#include "thread.h"

enum { THREADS = 8, INCREMENTS = 100000 };

static dcm_status (*registry_new)(dcm_registry **);
static dcm_status (*counter_new)(dcm_registry *, const char *, const char *, const dcm_label *,
                                 size_t, dcm_counter **);
static void (*inc)(const dcm_counter *);
static dcm_status (*get)(const dcm_counter *, uint64_t *);
static const char *(*error_last)(void);

static dcm_counter *counter;
static pthread_key_t at_end;

/* tap.h calls this. The program is not linked with the library. */
const char *dcm_error_last(void) {
    return error_last == NULL ? "" : error_last();
}

static int find_storage(struct dl_phdr_info *info, size_t size, void *storage) {
    (void)size;
    if (strstr(info->dlpi_name, "libdataclay_metrics") != NULL) {
        *(void **)storage = info->dlpi_tls_data;
    }
    return 0;
}

/* Returns whether this thread has the library's storage before its first call of the library. */
static int has_static_storage(void) {
    void *storage = NULL;
    dl_iterate_phdr(find_storage, &storage);
    return storage != NULL;
}

/* Runs when the thread ends: destructors of pthread keys run after those of C++ and Rust. */
static void count_at_end(void *unused) {
    (void)unused;
    inc(counter);
}

static void *count(void *was_static) {
    *(int *)was_static = has_static_storage();
    pthread_setspecific(at_end, &at_end);
    for (int i = 0; i < INCREMENTS; ++i) {
        inc(counter);
    }
    return NULL;
}

/* Counts on threads. Returns how many of them had the storage when they started. */
static int count_on_threads(void) {
    pthread_t threads[THREADS];
    int was_static[THREADS], sum = 0;
    for (int i = 0; i < THREADS; ++i) {
        start_thread(&threads[i], count, &was_static[i]);
    }
    for (int i = 0; i < THREADS; ++i) {
        pthread_join(threads[i], NULL);
        sum += was_static[i];
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
    const uint64_t expected = (uint64_t)THREADS * (INCREMENTS + 1);
    dcm_registry *registry;
    int loaded = 3, status = -1;
    if (arguments < 3) {
        return 2;
    }
    while (loaded < arguments && dlopen(argument[loaded], RTLD_NOW) != NULL) {
        ++loaded;
    }
    CHECK(arguments == 3 || loaded < arguments,
          "other libraries fill the static storage, if there are any");

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

    const int is_static = strcmp(argument[2], "static") == 0;
    CHECK(count_on_threads() == (is_static ? THREADS : 0),
          is_static ? "the storage is static" : "the storage is dynamic");
    CHECK(total() == expected, "the count is exact, with those in destructors of threads");
    inc(counter);
    pid_t child = fork();
    if (child == 0) {
        int wrong = total() != 0;
        inc(counter);
        count_on_threads();
        _exit(wrong || total() != expected + 1);
    }
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the count is exact in a forked child");
    CHECK(total() == expected + 1, "the child does not change the count of the parent");

    CHECK(dlclose(library) == 0 && dlopen(argument[1], RTLD_NOW | RTLD_NOLOAD) != NULL,
          "dlclose does not unload the library");
    inc(counter);
    CHECK(total() == expected + 2, "the library still counts after dlclose");
    return tap_end();
}
