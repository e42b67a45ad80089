/* Encodes the metrics of tests/golden in the text format and in OpenMetrics. The output equals the
 * two files named by the arguments. Tests in Rust and in Python compare with the same files. */
#include <dataclay_metrics.h>

#include <math.h>

#include "tap.h"

static void encodes(const dcm_registry *registry, dcm_format format, const char *path) {
    static char expected[4096];
    char *text;
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        printf("Bail out! cannot open %s\n", path);
        exit(1);
    }
    expected[fread(expected, 1, sizeof expected - 1, file)] = '\0';
    fclose(file);
    NEED(dcm_registry_encode_new(registry, format, &text));
    CHECK(strcmp(text, expected) == 0, path);
    dcm_string_free(text);
}

int main(int count, char **arguments) {
    static const char *const names[] = {"of"}, *const methods[] = {"method"};
    static const char *const get[] = {"get"}, *const states[] = {"waiting", "running"};
    static const double buckets[] = {0.1, 1, 10};
    const struct {
        const char *of;
        double value;
    } numbers[] = {
        {"zero", 0},
        {"negative", -3},
        {"tenth", 0.1},
        {"large", 1e300},
        {"tiny", 5e-324},
        {"nan", NAN},
        {"inf", HUGE_VAL},
        {"-inf", -HUGE_VAL},
        {"back\\slash \"quote\" new\nline \xc3\xa9", 1},
    };
    dcm_registry *registry;
    dcm_counter *counter;
    dcm_gauge_family *family;
    dcm_histogram *wait;
    dcm_summary_family *sizes;
    dcm_summary *size;
    dcm_state_set *job;
    dcm_options wait_options = DCM_OPTIONS("wait_seconds", "Time in the queue");
    dcm_options job_options = DCM_OPTIONS("job_state", "What the job does");
    wait_options.buckets = buckets;
    wait_options.bucket_count = sizeof buckets / sizeof *buckets;
    job_options.states = states;
    job_options.state_count = sizeof states / sizeof *states;
    NEED(dcm_registry_new(&registry));
    NEED(dcm_counter_new(registry, "requests", "Requests \"served\" \\ in\ntwo lines", NULL, 0,
                         &counter));
    dcm_counter_inc_by(counter, 12345);
    dcm_counter_free(counter);
    NEED(dcm_counter_new(registry, "bytes_total", "", NULL, 0, &counter));
    NEED(dcm_counter_inc_by_double(counter, 2.5));
    dcm_counter_free(counter);
    NEED(dcm_gauge_family_new(registry, "number", "Gr\xc3\xbc\xc3\x9f" "e \xe2\x9c\x93", names, 1,
                              &family));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; ++i) {
        dcm_gauge *gauge;
        NEED(dcm_gauge_family_with_labels(family, &numbers[i].of, 1, &gauge));
        dcm_gauge_set(gauge, numbers[i].value);
        dcm_gauge_free(gauge);
    }
    dcm_gauge_family_free(family);
    NEED(dcm_histogram_new_with(registry, &wait_options, &wait));
    dcm_histogram_observe(wait, 0.0625);
    dcm_histogram_observe_n(wait, 5, 2);
    dcm_histogram_observe(wait, 12);
    dcm_histogram_free(wait);
    NEED(dcm_summary_family_new(registry, "size_bytes", "Size of an answer", methods, 1, &sizes));
    NEED(dcm_summary_family_with_labels(sizes, get, 1, &size));
    dcm_summary_observe_n(size, 512, 3);
    dcm_summary_free(size);
    dcm_summary_family_free(sizes);
    NEED(dcm_state_set_new_with(registry, &job_options, &job));
    NEED(dcm_state_set_set(job, "running"));
    dcm_state_set_free(job);
    encodes(registry, DCM_FORMAT_TEXT, count == 3 ? arguments[1] : "");
    encodes(registry, DCM_FORMAT_OPENMETRICS, count == 3 ? arguments[2] : "");
    dcm_registry_free(registry);
    return tap_end();
}
