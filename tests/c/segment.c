/* Tests the directory in dcm_http_options: the counts of killed processes, and wrong values. */
#define _POSIX_C_SOURCE 200809L
#include <dataclay_metrics.h>

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "http.h"
#include "refused.h"
#include "tap.h"
#include "thread.h"

static dcm_registry *registry;
static dcm_counter *sold;
static char directory[64];

static dcm_http_options with_directory(void) {
    dcm_http_options options = DCM_HTTP_OPTIONS("127.0.0.1", 0);
    options.directory = directory;
    options.job = "shop";
    options.instance = "till";
    return options;
}

static void wrong_values(void) {
    dcm_http_options wrong = with_directory();
    wrong.directory = "relative";
    start_refused(registry, &wrong, DCM_ERROR_ARGUMENT,
                  "options.directory=relative: must be auto, none or an");
    wrong.directory = NULL;
    start_refused(registry, &wrong, DCM_ERROR_ARGUMENT,
                  "options.job=shop: must not be set without a directory");
    wrong.job = NULL;
    start_refused(registry, &wrong, DCM_ERROR_ARGUMENT,
                  "options.instance=till: must not be set without");
    wrong = with_directory();
    wrong.port_count = 2;
    start_refused(registry, &wrong, DCM_ERROR_ARGUMENT,
                  "options.port_count=2: must not be set with a directory");
}

/* Runs a process that counts in the segment and is killed. */
static void count_and_die(void) {
    const pid_t process = fork();
    if (process == 0) {
        const dcm_http_options here = with_directory();
        dcm_exporter *exporter;
        NEED(dcm_exporter_start_http_with(registry, &here, &exporter));
        dcm_counter_inc_by(sold, 5);
        raise(SIGKILL);
    }
    int status;
    CHECK(waitpid(process, &status, 0) == process && WIFSIGNALED(status),
          "the process that counted is killed");
}

/* Uses metrics for the first time, which may open files, in a thread that is cancelled. Returns
 * whether all of them count. */
static int use_metrics(void) {
    const char *const names[] = {"till"}, *const values[] = {"1"};
    dcm_gauge *gauge;
    dcm_gauge_family *gauges;
    dcm_counter *counter;
    dcm_counter_family *counters;
    dcm_histogram *histogram;
    double level = 0, sum = 0;
    uint64_t count = 0;
    NEED(dcm_gauge_new(registry, "open_tills", "", NULL, 0, &gauge));
    NEED(dcm_histogram_new(registry, "prices", "", NULL, 0, &histogram));
    NEED(dcm_gauge_family_new(registry, "cash", "", names, 1, &gauges));
    NEED(dcm_counter_family_new(registry, "items", "", names, 1, &counters));
    pthread_cancel(pthread_self());
    dcm_gauge_set(gauge, 3);
    dcm_gauge_get(gauge, &level);
    dcm_gauge_free(gauge);
    dcm_histogram_observe(histogram, 2);
    dcm_histogram_get_sum(histogram, &sum);
    dcm_histogram_free(histogram);
    dcm_gauge_family_with_labels(gauges, values, 1, &gauge);
    dcm_gauge_inc(gauge);
    dcm_gauge_free(gauge);
    dcm_counter_family_with_labels(counters, values, 1, &counter);
    dcm_counter_inc(counter);
    dcm_counter_get(counter, &count);
    dcm_counter_free(counter);
    dcm_gauge_family_free(gauges);
    dcm_counter_family_free(counters);
    return level == 3 && sum == 2 && count == 1;
}

static void *use_metrics_and_end(void *returned) {
    *(int *)returned = use_metrics();
    pthread_testcancel();
    return NULL;
}

static void remove_directory(void) {
    DIR *entries = opendir(directory);
    const struct dirent *entry;
    while ((entry = readdir(entries)) != NULL) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        (void)remove(path);
    }
    closedir(entries);
    CHECK(rmdir(directory) == 0, "the directory contains only files");
}

int main(void) {
    dcm_exporter *exporter;
    pthread_t thread;
    void *result;
    int returned = 0;
    snprintf(directory, sizeof directory, "/dev/shm/dataclay-metrics-c-%ld", (long)getpid());
    CHECK(mkdir(directory, 0700) == 0, "the directory is made");
    NEED(dcm_registry_new(&registry));
    NEED(dcm_counter_new(registry, "sold", "", NULL, 0, &sold));
    wrong_values();
    count_and_die();
    count_and_die();

    dcm_http_options here = with_directory();
    NEED(dcm_exporter_start_http_with(registry, &here, &exporter));
    dcm_counter_inc_by(sold, 2);
    CHECK(served(port_of(exporter), "\nsold_total 12\n"),
          "the counts of killed processes are served");
    start_thread(&thread, use_metrics_and_end, &returned);
    pthread_join(thread, &result);
    CHECK(returned && result == PTHREAD_CANCELED,
          "the first use of a metric is not a cancellation point");
    here.instance = "other";
    start_refused(registry, &here, DCM_ERROR_SETTING, "segment=");
    dcm_exporter_free(exporter);
    dcm_counter_free(sold);
    dcm_registry_free(registry);
    remove_directory();
    return tap_end();
}
