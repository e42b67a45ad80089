/* Tests each field of dcm_options, the fields together, wrong values, and other versions of it. */
#include <dataclay_metrics.h>

#include "exposition.h"
#include "refused.h"
#include "tap.h"

static dcm_registry *registry;

static const dcm_label two[] = {{"region", "eu"}, {"disk", "sda"}};
static const char *const names[] = {"queue"};

/* Each of the four functions makes a metric, frees it, and returns the status. */
static dcm_status counter(const dcm_options *options) {
    dcm_counter *made = NULL;
    dcm_status status = dcm_counter_new_with(registry, options, &made);
    dcm_counter_free(made);
    return status;
}

static dcm_status gauge(const dcm_options *options) {
    dcm_gauge *made = NULL;
    dcm_status status = dcm_gauge_new_with(registry, options, &made);
    dcm_gauge_free(made);
    return status;
}

static dcm_status counter_family(const dcm_options *options) {
    dcm_counter_family *made = NULL;
    dcm_counter *child = NULL;
    dcm_status status = dcm_counter_family_new_with(registry, options, &made);
    if (status == DCM_OK && options->label_name_count == 1) {
        NEED(dcm_counter_family_with_labels(made, names, 1, &child));
    }
    dcm_counter_free(child);
    dcm_counter_family_free(made);
    return status;
}

static dcm_status gauge_family(const dcm_options *options) {
    dcm_gauge_family *made = NULL;
    dcm_gauge *child = NULL;
    dcm_status status = dcm_gauge_family_new_with(registry, options, &made);
    if (status == DCM_OK && options->label_name_count == 1) {
        NEED(dcm_gauge_family_with_labels(made, names, 1, &child));
    }
    dcm_gauge_free(child);
    dcm_gauge_family_free(made);
    return status;
}

static dcm_status (*const make[])(const dcm_options *) = {counter, gauge, counter_family,
                                                          gauge_family};

enum { KINDS = sizeof make / sizeof *make };

static void make_registry(void) {
    dcm_registry_free(registry);
    NEED(dcm_registry_new(&registry));
}

static void each_option(void) {
    dcm_options options = DCM_OPTIONS("plain", "Help");
    NEED(counter(&options));
    CHECK(exposes(registry, DCM_FORMAT_TEXT, "# HELP plain_total Help\n# TYPE plain_total counter\n"
                                   "plain_total 0\n"),
          "name and help are enough");
    options.name = "wait_seconds";
    options.unit = "seconds";
    NEED(counter(&options));
    CHECK(exposes(registry, DCM_FORMAT_OPENMETRICS, "# UNIT wait_seconds seconds\n"),
          "a counter has a unit");
    options.name = "size_bytes";
    options.unit = "bytes";
    NEED(gauge(&options));
    CHECK(exposes(registry, DCM_FORMAT_OPENMETRICS, "# UNIT size_bytes bytes\n"),
          "a gauge has a unit");
    options.unit = "";
    options.name = "no_unit";
    NEED(gauge(&options));
    CHECK(!exposes(registry, DCM_FORMAT_OPENMETRICS, "# UNIT no_unit"),
          "an empty text is not a unit");
    options.name = "queue.length";
    NEED(gauge(&options));
    CHECK(exposes(registry, DCM_FORMAT_TEXT, "\nqueue_length 0\n") &&
              exposes(registry, DCM_FORMAT_TEXT_UTF8, "\n{\"queue.length\"} 0\n") &&
              exposes(registry, DCM_FORMAT_OPENMETRICS_UTF8, "\n{\"queue.length\"} 0\n"),
          "a name may be any text");
    options.name = "labelled";
    options.const_labels = two;
    options.const_label_count = 2;
    NEED(counter(&options));
    CHECK(exposes(registry, DCM_FORMAT_TEXT, "\nlabelled_total{region=\"eu\",disk=\"sda\"} 0\n"),
          "a counter has constant labels");
    options.name = "labelled_gauge";
    NEED(gauge(&options));
    CHECK(exposes(registry, DCM_FORMAT_TEXT, "\nlabelled_gauge{region=\"eu\",disk=\"sda\"} 0\n"),
          "a gauge has constant labels");
}

static void options_combine(void) {
    const char *const values[] = {"mail"}, *const others[] = {"print"};
    dcm_options options = DCM_OPTIONS("jobs_seconds", "Time of jobs");
    dcm_counter_family *counters;
    dcm_gauge_family *gauges;
    dcm_counter *first, *second;
    dcm_gauge *only;
    make_registry();
    options.unit = "seconds";
    options.const_labels = two;
    options.const_label_count = 1;
    options.label_names = names;
    options.label_name_count = 1;
    options.max_children = 1;
    NEED(dcm_counter_family_new_with(registry, &options, &counters));
    NEED(dcm_counter_family_with_labels(counters, values, 1, &first));
    NEED(dcm_counter_family_with_labels(counters, others, 1, &second));
    dcm_counter_inc_by(first, 2);
    dcm_counter_inc(second);
    CHECK(exposes(registry, DCM_FORMAT_OPENMETRICS,
                  "# HELP jobs_seconds Time of jobs\n# TYPE jobs_seconds counter\n"
                  "# UNIT jobs_seconds seconds\n"
                  "jobs_seconds_total{region=\"eu\",queue=\"mail\"} 2\n"
                  "jobs_seconds_total{region=\"eu\",queue=\"__overflow__\"} 1\n"),
          "a family of counters takes all options together");
    options.name = "wait_seconds";
    NEED(dcm_gauge_family_new_with(registry, &options, &gauges));
    NEED(dcm_gauge_family_with_labels(gauges, values, 1, &only));
    dcm_gauge_set(only, 1.5);
    CHECK(exposes(registry, DCM_FORMAT_OPENMETRICS, "# UNIT wait_seconds seconds\n"
                                          "wait_seconds{region=\"eu\",queue=\"mail\"} 1.5\n"),
          "a family of gauges takes all options together");
    dcm_counter_free(first);
    dcm_counter_free(second);
    dcm_counter_family_free(counters);
    dcm_gauge_free(only);
    dcm_gauge_family_free(gauges);
}

static void wrong_values(void) {
    const dcm_label twice[] = {{"a", "x"}, {"a", "y"}}, nameless[] = {{NULL, "x"}};
    const char *const same_name[] = {"region"};
    make_registry();
    for (int kind = 0; kind < KINDS; ++kind) {
        dcm_options options = DCM_OPTIONS("", "");
        refused(make[kind](NULL), DCM_ERROR_NULL, "options=NULL: must not be NULL");
        refused(make[kind](&options), DCM_ERROR_METRIC_NAME,
                "metric name \"\": a metric name must");
        options.name = NULL;
        refused(make[kind](&options), DCM_ERROR_NULL, "options.name=NULL: must not be NULL");
        options.name = "a";
        options.help = NULL;
        refused(make[kind](&options), DCM_ERROR_NULL, "options.help=NULL: must not be NULL");
        options.help = "";
        options.unit = "seconds";
        refused(make[kind](&options), DCM_ERROR_METRIC_NAME, "metric name \"a");
        options.unit = NULL;
        options.const_label_count = 1;
        refused(make[kind](&options), DCM_ERROR_NULL,
                "options.const_labels=NULL: must not be NULL");
        options.const_labels = nameless;
        refused(make[kind](&options), DCM_ERROR_NULL,
                "options.const_labels[].name=NULL: must not be");
        options.const_labels = twice;
        options.const_label_count = 2;
        refused(make[kind](&options), DCM_ERROR_LABEL, "label \"a\": ");
        options.const_label_count = SIZE_MAX;
        refused(make[kind](&options), DCM_ERROR_ARGUMENT,
                "options.const_labels.count=18446744073709551615: must be the number of elements");
        options.const_labels = NULL;
        options.const_label_count = 0;
        options.label_name_count = 1;
        refused(make[kind](&options), DCM_ERROR_NULL, "options.label_names=NULL: must not be NULL");
        if (make[kind] == counter || make[kind] == gauge) {
            options.label_names = names;
            refused(make[kind](&options), DCM_ERROR_SETTING,
                    "label_names=\"queue\": is an option of families");
            options.label_name_count = 0;
            options.max_children = 7;
            refused(make[kind](&options), DCM_ERROR_SETTING,
                    "max_children=\"7\": is an option of families");
        } else {
            options.const_labels = two;
            options.const_label_count = 1;
            options.label_names = same_name;
            refused(make[kind](&options), DCM_ERROR_LABEL, "label \"region\": ");
        }
    }
    CHECK(is_empty(registry), "a refused metric is not registered");
}

static dcm_status histogram(const dcm_native_buckets *native, const double *bounds, size_t count) {
    dcm_options options = DCM_OPTIONS("native_seconds", "");
    dcm_histogram *made = NULL;
    options.native_buckets = native;
    options.buckets = bounds;
    options.bucket_count = count;
    dcm_status status = dcm_histogram_new_with(registry, &options, &made);
    if (status == DCM_OK) {
        dcm_histogram_observe(made, 0.3);
        dcm_histogram_observe(made, -7);
    }
    dcm_histogram_free(made);
    return status;
}

static void native_buckets(void) {
    const double bounds[] = {0.25, 1};
    dcm_native_buckets good = {3, 1e-6, 1e3, 0, 0}, wrong = good;
    make_registry();
    good.max_buckets = 10;
    good.has_negative = 1;
    NEED(histogram(&good, bounds, 2));
    CHECK(exposes(registry, DCM_FORMAT_TEXT, "# TYPE native_seconds histogram\n"
                                   "native_seconds_bucket{le=\"0.25\"} 1\n"
                                   "native_seconds_bucket{le=\"1.0\"} 2\n"
                                   "native_seconds_bucket{le=\"+Inf\"} 2\n"
                                   "native_seconds_count 2\nnative_seconds_sum -6.7\n"),
          "the text format exposes only the explicit buckets");
    wrong.schema = 9;
    refused(histogram(&wrong, NULL, 0), DCM_ERROR_SETTING,
            "schema=\"9\": a schema is between -4 and 8");
    wrong.schema = 8;
    wrong.has_negative = 1;
    refused_by(histogram(&wrong, NULL, 0), DCM_ERROR_SETTING, "native buckets=\"15310\"",
               "at most 8192");
    wrong.zero_threshold = 0;
    refused(histogram(&wrong, NULL, 0), DCM_ERROR_SETTING, "zero_threshold=\"0\": ");
    wrong.zero_threshold = 1e3;
    refused(histogram(&wrong, NULL, 0), DCM_ERROR_SETTING, "largest=\"1000\": ");
}

static void gauge_merge(void) {
    dcm_options options = DCM_OPTIONS("merged", "");
    make_registry();
    for (size_t merge = DCM_GAUGE_SUM; merge <= DCM_GAUGE_EACH_OF_ALL + 1; ++merge) {
        dcm_gauge *gauge = NULL;
        options.gauge_merge = merge;
        if (dcm_gauge_new_with(registry, &options, &gauge) == DCM_OK) {
            CHECK(merge <= DCM_GAUGE_EACH_OF_ALL, "each value of dcm_gauge_merge is accepted");
            NEED(dcm_gauge_unregister(gauge, registry));
        } else {
            CHECK(merge > DCM_GAUGE_EACH_OF_ALL &&
                      strcmp(dcm_error_last(),
                             "options.gauge_merge=10: must be a dcm_gauge_merge") == 0,
                  dcm_error_last());
        }
        dcm_gauge_free(gauge);
    }
}

/* The options of a later version of the header. */
typedef struct later_options {
    dcm_options known;
    const void *pointer;
    size_t number;
} later_options;

static void other_versions(void) {
    const size_t bad_sizes[] = {0, 1, sizeof(size_t), offsetof(dcm_options, unit) - 1,
                                offsetof(dcm_options, unit) + 1, sizeof(dcm_options) - 1,
                                sizeof(dcm_options) + 1, 1 << 20, SIZE_MAX};
    const size_t old_sizes[] = {offsetof(dcm_options, unit), offsetof(dcm_options, label_names),
                                offsetof(dcm_options, max_children)};
    make_registry();
    for (size_t at = 0; at < sizeof bad_sizes / sizeof *bad_sizes; ++at) {
        dcm_options options = DCM_OPTIONS("bad_size", "");
        char message[64];
        options.size = bad_sizes[at];
        snprintf(message, sizeof message, "options.size=%zu: must be the size", options.size);
        for (int kind = 0; kind < KINDS; ++kind) {
            refused(make[kind](&options), DCM_ERROR_ARGUMENT, message);
        }
    }
    for (size_t at = 0; at < sizeof old_sizes / sizeof *old_sizes; ++at) {
        /* The size is exactly that of an old header, so that valgrind detects a read beyond it. */
        dcm_options options = DCM_OPTIONS("", "An older program"), *old;
        char name[16];
        snprintf(name, sizeof name, "old_%zu", at);
        options.name = name;
        options.size = old_sizes[at];
        old = (dcm_options *)malloc(options.size);
        if (old == NULL) {
            exit(1);
        }
        memcpy(old, &options, options.size);
        CHECK(counter(old) == DCM_OK, "a program with an older header makes a counter");
        free(old);
    }
    CHECK(exposes(registry, DCM_FORMAT_TEXT, "\nold_0_total 0\n") &&
              exposes(registry, DCM_FORMAT_TEXT, "\nold_2_total 0\n"),
          "the fields that an older header lacks are not set");

    later_options later = {DCM_OPTIONS("later", "A later program"), NULL, 0};
    later.known.size = sizeof later;
    for (int kind = 0; kind < KINDS; ++kind) {
        char name[16];
        snprintf(name, sizeof name, "later_%d", kind);
        later.known.name = name;
        CHECK(make[kind](&later.known) == DCM_OK, "a program with a later header makes a metric");
    }
    later.known.name = "later_set";
    later.number = 1;
    refused(counter(&later.known), DCM_ERROR_ARGUMENT, "options.size=");
    CHECK(strstr(dcm_error_last(), "this version of the library does not have") != NULL &&
              !exposes(registry, DCM_FORMAT_TEXT, "later_set"),
          "a set field that the library does not know is refused");
    later.number = 0;
    later.pointer = &later;
    refused(gauge_family(&later.known), DCM_ERROR_ARGUMENT, "options.size=");
}

int main(void) {
    make_registry();
    each_option();
    options_combine();
    wrong_values();
    native_buckets();
    gauge_merge();
    other_versions();
    dcm_registry_free(registry);
    return tap_end();
}
