/* dcm_http_options.directory: counts outlive a process that is killed; wrong values. */
#define _POSIX_C_SOURCE 200809L
#include <dataclay_metrics.h>

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "http.h"
#include "tap.h"

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

static void refused(const dcm_http_options *options, dcm_status expected, const char *message) {
    dcm_exporter *none = NULL;
    dcm_status got = dcm_exporter_start_http_with(registry, options, &none);
    const char *last = dcm_error_last();
    CHECK(got == expected && none == NULL && strncmp(last, message, strlen(message)) == 0, last);
}

static void wrong_values(void) {
    dcm_http_options wrong = with_directory();
    wrong.directory = "relative";
    refused(&wrong, DCM_ERROR_ARGUMENT, "options.directory=relative: must be auto, none or an");
    wrong.directory = NULL;
    refused(&wrong, DCM_ERROR_ARGUMENT, "options.job=shop: must not be set without a directory");
    wrong.job = NULL;
    refused(&wrong, DCM_ERROR_ARGUMENT, "options.instance=till: must not be set without");
    wrong = with_directory();
    wrong.port_count = 2;
    refused(&wrong, DCM_ERROR_ARGUMENT, "options.port_count=2: must not be set with a directory");
}

/* A process that counts in the segment, and is killed. */
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
    CHECK(waitpid(process, &status, 0) == process && WIFSIGNALED(status), "a process is killed");
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
    CHECK(rmdir(directory) == 0, "the directory holds files only");
}

int main(void) {
    dcm_exporter *exporter;
    uint16_t port = 0;
    snprintf(directory, sizeof directory, "/dev/shm/dataclay-metrics-c-%ld", (long)getpid());
    CHECK(mkdir(directory, 0700) == 0, directory);
    NEED(dcm_registry_new(&registry));
    NEED(dcm_counter_new(registry, "sold", "", NULL, 0, &sold));
    wrong_values();
    count_and_die();
    count_and_die();

    dcm_http_options here = with_directory();
    NEED(dcm_exporter_start_http_with(registry, &here, &exporter));
    NEED(dcm_exporter_port(exporter, &port));
    dcm_counter_inc_by(sold, 2);
    CHECK(served(port, "\nsold_total 12\n"), "the counts of killed processes are served");
    here.instance = "other";
    refused(&here, DCM_ERROR_SETTING, "segment=");
    dcm_exporter_free(exporter);
    dcm_counter_free(sold);
    dcm_registry_free(registry);
    remove_directory();
    return tap_end();
}
