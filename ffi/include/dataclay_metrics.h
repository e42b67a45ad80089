/* dataclay_metrics.h: metrics for hot paths, exported to Prometheus.
 *
 *     cc service.c $(pkg-config --cflags --libs dataclay_metrics)
 *
 *     dcm_registry *registry;
 *     dcm_counter *requests;
 *     dcm_exporter *exporter;
 *     if (dcm_registry_new(&registry) != DCM_OK ||
 *         dcm_counter_new(registry, "requests", "Requests served", NULL, 0, &requests) != DCM_OK ||
 *         dcm_exporter_start_http(registry, "127.0.0.1", 8000, &exporter) != DCM_OK) {
 *         fprintf(stderr, "%s\n", dcm_error_last());
 *         exit(1);
 *     }
 *     dcm_counter_inc(requests);
 *
 * These rules hold for every function unless its comment says otherwise:
 *
 * Handles   Opaque. The caller owns what a _new, _new_with, _start_ or _with_labels function
 *           returns, and frees it once with the _free function of its type. A const pointer is
 *           borrowed: do not free it. Handles are reference-counted: a counter still counts after
 *           its registry was freed, and an exporter still exports a registry that was freed. A
 *           registry exports a counter until it is unregistered, even if its handle was freed.
 * Threads   Any thread may call any function, even on a handle that other threads use. There are
 *           two exceptions. A _free function must be the last call on its handle. No other thread
 *           may use a gateway during a call of dcm_gateway_set_*.
 * NULL      A _free function ignores NULL, and so does each function that returns void. The others
 *           return DCM_ERROR_NULL, NULL or "". An array may be NULL if its count is 0. `help` may
 *           be "", but not NULL.
 * Strings   UTF-8, terminated by NUL. The library reads a string during the call and does not keep
 *           the pointer. A const char * that a function returns belongs to the library.
 * Results   Functions return a dcm_status. The last parameter receives the result. It is written on
 *           DCM_OK, and left unchanged on an error.
 * Errors    dcm_error_last() returns a message with the refused value and the rule. Some errors are
 *           not repeated below: DCM_ERROR_NULL, DCM_ERROR_UTF8 for strings, and DCM_ERROR_ARGUMENT
 *           for numbers out of range. A function that makes a metric or a family may also return
 *           DCM_ERROR_METRIC_NAME, DCM_ERROR_LABEL, DCM_ERROR_DUPLICATE and
 *           DCM_ERROR_TOO_MANY_COUNTERS.
 * Times     Seconds as a double, from 0 to 31536000 (365 days).
 * Panics    A defect of this library does not end the process. The function returns
 *           DCM_ERROR_PANIC (or nothing, NULL, ""), and the library writes a line to stderr.
 * Fork      A child of fork() may use every handle. Its counters start at zero, its gauges keep
 *           their values, and its exporters export the counts of the child. In the child, a scrape
 *           endpoint listens on another port, which dcm_exporter_port returns. It is the first free
 *           one of the 100 ports from the requested one, or any free one if that was 0. If the
 *           parent ends within ten seconds, the child moves to the parent's port, a tenth of a
 *           second later. So a program that calls daemon() keeps its port. A push exporter pushes
 *           to another group, whose label "instance" ends in the child's process id. If the parent
 *           counts in a segment, the child shares its port and its group.
 *           A fork waits for the library at most a tenth of a second. The fork handlers are
 *           installed when the library is loaded. If dlopen() loads it after another library has
 *           installed its own, no function may be called under a lock that those handlers take.
 * Memory    If an allocation fails, the process aborts, as in most Rust programs.
 * Signals   No function may be called from a signal handler. The threads of the library block all
 *           signals except those that a thread causes itself, such as SIGSEGV.
 * Cancelling
 *           pthread_cancel takes effect after the call. While the cancellation type of a thread is
 *           PTHREAD_CANCEL_ASYNCHRONOUS, it may call only these: dcm_counter_inc and _inc_by,
 *           dcm_histogram_observe and _observe_n, dcm_summary_observe and _observe_n. If it is
 *           cancelled during such a call, that count may be lost.
 * Loading   The linker or dlopen() may load the library, before or after threads were started.
 *           dlclose() does not unload it, because its threads and its fork handlers must stay
 *           valid.
 *
 * C99 or newer, C++11 or newer. Functions and numbers do not change within a soname.
 */
#ifndef DATACLAY_METRICS_H
#define DATACLAY_METRICS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Version -------------------------------------------------------------------------------- */

#define DCM_VERSION_MAJOR 0
#define DCM_VERSION_MINOR 2
#define DCM_VERSION_PATCH 0
#define DCM_VERSION "0.2.0"

/* Returns the version of the loaded library, in the form of DCM_VERSION. */
const char *dcm_version(void);

/* ---- Results -------------------------------------------------------------------------------- */

/* The result of a call. A number never changes its meaning. Later versions may add more. */
typedef enum dcm_status {
    DCM_OK = 0,
    DCM_ERROR_NULL = 1,              /* a required argument is NULL */
    DCM_ERROR_UTF8 = 2,              /* a string is not UTF-8 */
    DCM_ERROR_ARGUMENT = 3,          /* an argument is out of its range */
    DCM_ERROR_METRIC_NAME = 4,       /* a name that is empty, only a suffix, or without its unit */
    DCM_ERROR_LABEL = 5,             /* wrong name of a label, set of labels, or number of them */
    DCM_ERROR_AMOUNT = 6,            /* a counter cannot hold that amount */
    DCM_ERROR_DUPLICATE = 7,         /* the registry has a metric of that name */
    DCM_ERROR_NOT_REGISTERED = 8,    /* the registry does not have that metric */
    DCM_ERROR_TOO_MANY_COUNTERS = 9, /* 2^26 counters are alive */
    DCM_ERROR_SETTING = 10,          /* wrong environment variable, option, role or address */
    DCM_ERROR_LISTEN = 11,           /* the scrape endpoint cannot listen there */
    DCM_ERROR_PUSH = 12,             /* the gateway did not respond in time, or refused */
    DCM_ERROR_SYSTEM = 13,           /* the operating system refused a thread or a descriptor */
    DCM_ERROR_BUFFER_TOO_SMALL = 14, /* the text does not fit */
    DCM_ERROR_ABSENT = 15,           /* the requested value or object does not exist */
    DCM_ERROR_TIMEOUT = 16,          /* the exporter did not end in time */
    DCM_ERROR_PANIC = 17,            /* a defect of this library, which still works */
    DCM_ERROR_OTHER = 18             /* any other error */
} dcm_status;

/* Returns the general meaning of a status, for any number. The text is never freed. */
const char *dcm_status_message(dcm_status status);

/* Returns the calling thread's last error, with the refused value and the rule; "" if there was
 * none. The thread's next error overwrites the text, and the end of the thread frees it. A text
 * longer than 1023 bytes is truncated. */
const char *dcm_error_last(void);

/* ---- Labels --------------------------------------------------------------------------------- */

/* A label of a metric, or of a group on a Pushgateway. The name is any text that is not empty and
 * does not start with __. For a group, it matches [a-zA-Z_][a-zA-Z0-9_]*. The value is any text. */
typedef struct dcm_label {
    const char *name;
    const char *value;
} dcm_label;

/* ---- Registry: the metrics that are exported together --------------------------------------- */

/* A set of metrics with unique names. */
typedef struct dcm_registry dcm_registry;

/* The formats that Prometheus reads. Every server accepts the first three: they replace each
 * character that servers before Prometheus 3 refuse in a name by an underscore. The _UTF8 formats
 * leave names unchanged. They are for requests whose header Accept has escaping=allow-utf-8. The
 * endpoint of this library chooses by that header. */
typedef enum dcm_format {
    DCM_FORMAT_TEXT = 0,        /* text format 0.0.4 */
    DCM_FORMAT_OPENMETRICS = 1, /* OpenMetrics 1.0, also a text */
    DCM_FORMAT_PROTOBUF = 2,    /* delimited io.prometheus.client.MetricFamily messages, with the
                                 * start times of counters, histograms and summaries */
    DCM_FORMAT_TEXT_UTF8 = 3,   /* text format 1.0.0 */
    DCM_FORMAT_OPENMETRICS_UTF8 = 4,
    DCM_FORMAT_PROTOBUF_UTF8 = 5
} dcm_format;

/* Makes an empty registry. */
dcm_status dcm_registry_new(dcm_registry **out);

/* Writes the metrics into the caller's buffer: the text or the messages and a NUL, if both fit in
 * `capacity` bytes. Otherwise returns DCM_ERROR_BUFFER_TOO_SMALL and leaves the buffer unchanged.
 * Both write the length without the NUL to `length`, so a capacity of 0 asks for the length. The
 * next exposition may be longer, because counters grow. Messages may contain NULs. Calls the
 * functions of gauges on this thread. */
dcm_status dcm_registry_encode(const dcm_registry *registry, dcm_format format, char *buffer,
                               size_t capacity, size_t *length);

/* Returns the same text as a new string of any length. Free it with dcm_string_free. Returns
 * DCM_ERROR_ARGUMENT for the protobuf formats, because a string ends at its first NUL. */
dcm_status dcm_registry_encode_new(const dcm_registry *registry, dcm_format format, char **out);

/* Sets whether DCM_FORMAT_OPENMETRICS has a sample `_created` for each counter, histogram and
 * summary: the time when it was zero. 0 (the default) or 1. This doubles the series of counters.
 * DCM_FORMAT_PROTOBUF always has these times. */
dcm_status dcm_registry_expose_created(const dcm_registry *registry, int exposes);

/* Frees a string that a function of this library returned as char *. */
void dcm_string_free(char *string);

/* Returns the Content-Type of a format, for programs that serve the metrics themselves; "" for any
 * other number. */
const char *dcm_format_content_type(dcm_format format);

/* Registers or unregisters the health metrics of this library, dataclay_metrics_*: scrapes, pushes,
 * failed pushes, failed gauge functions and others. DCM_ERROR_DUPLICATE if they are registered
 * already, DCM_ERROR_NOT_REGISTERED if they are not. */
dcm_status dcm_health_register(dcm_registry *registry);
dcm_status dcm_health_unregister(dcm_registry *registry);

/* Frees the handle. Exporters of the registry still export it, and its metrics still work. */
void dcm_registry_free(dcm_registry *registry);

/* ---- Options of a metric -------------------------------------------------------------------- */

/* The native buckets of a histogram, in addition to its explicit ones. Both show the same
 * observations. Only the protobuf formats have native buckets. Set all fields. */
typedef struct dcm_native_buckets {
    int schema;             /* 2^schema buckets between a number and its double; from -4 to 8 */
    double zero_threshold;  /* numbers up to this are in the zero bucket; at least 2^-1022 */
    double largest;         /* numbers beyond its bucket are in the bucket of infinity */
    size_t max_buckets;     /* buckets are merged until at most this many are in use; 160 if 0 */
    size_t has_negative;    /* if not 0, negative numbers get as many buckets as positive ones */
} dcm_native_buckets;

/* The way in which an exposition merges a gauge of several processes that count together in
 * DATACLAY_METRICS_DIR. Only running processes count; with OF_ALL, ended ones count too. */
typedef enum dcm_gauge_merge {
    DCM_GAUGE_SUM = 0,
    DCM_GAUGE_MIN = 1,
    DCM_GAUGE_MAX = 2,
    DCM_GAUGE_MOST_RECENT = 3, /* the value that was set last */
    DCM_GAUGE_EACH = 4,        /* every value, each with a label "pid" */
    DCM_GAUGE_SUM_OF_ALL = 5,
    DCM_GAUGE_MIN_OF_ALL = 6,
    DCM_GAUGE_MAX_OF_ALL = 7,
    DCM_GAUGE_MOST_RECENT_OF_ALL = 8,
    DCM_GAUGE_EACH_OF_ALL = 9  /* the value of an ended process stays until another replaces it */
} dcm_gauge_merge;

/* The options of a metric or a family. Initialise them with DCM_OPTIONS, and set what you need:
 *
 *     dcm_options options = DCM_OPTIONS("wait_seconds", "Time spent in the queue");
 *     options.unit = "seconds";
 *     dcm_counter_new_with(registry, &options, &waited);
 *
 * A field that is NULL or 0 is not set. A program without the macro, such as one in another
 * language, fills the struct with zeros and sets `size` to the size of the struct.
 *
 * DCM_ERROR_SETTING for an option of another metric type, or of families if the metric is none.
 * DCM_ERROR_METRIC_NAME if the name does not end in the unit.
 *
 * Later versions add fields at the end, so a program and a library of different versions work
 * together. The library treats a field that the program does not know as not set. It returns
 * DCM_ERROR_ARGUMENT if the program has set a field that the library does not know. */
typedef struct dcm_options {
    size_t size;                    /* sizeof(dcm_options) */
    const char *name;               /* any text that is not empty */
    const char *help;               /* any text */
    const char *unit;               /* such as "seconds"; the name, without _total, must end
                                       in _ and the unit; not for infos and state sets */
    const dcm_label *const_labels;  /* labels of every sample, which never change */
    size_t const_label_count;
    const char *const *label_names; /* only for families: the labels by which children differ */
    size_t label_name_count;
    size_t max_children;            /* only for families: see below; 10,000 if not set */
    const double *buckets;          /* of a histogram: its upper bounds, at least one, finite and
                                       ascending; a last +Inf changes nothing. If not set,
                                       14 bounds from 0.005 to 10 */
    size_t bucket_count;
    const char *const *states;      /* of a state set: its states, at least one */
    size_t state_count;
    const dcm_native_buckets *native_buckets; /* of a histogram; none if not set */
    size_t gauge_merge;             /* of a gauge: a dcm_gauge_merge; DCM_GAUGE_SUM if not set */
} dcm_options;

/* The initialiser of a dcm_options. */
#define DCM_OPTIONS(name, help) \
    {sizeof(dcm_options), (name), (help), NULL, NULL, 0, NULL, 0, 0, NULL, 0, NULL, 0, NULL, 0}

/* ---- Counter: it only goes up --------------------------------------------------------------- */

typedef struct dcm_counter dcm_counter;

/* Makes a counter at zero and registers it. `_total` is appended to the name if it is missing.
 * `labels` never change. Metrics with the same name must have the same help and the same label
 * names. On an error nothing is registered. */
dcm_status dcm_counter_new(dcm_registry *registry, const char *name, const char *help,
                           const dcm_label *labels, size_t count, dcm_counter **out);

/* Makes a counter with options. DCM_ERROR_SETTING if an option of families is set. */
dcm_status dcm_counter_new_with(dcm_registry *registry, const dcm_options *options,
                                dcm_counter **out);

/* Adds 1. Takes no lock, never blocks, cannot fail. It requests memory from the system at most once
 * per thread, for all counters together, normally in the first increment. */
void dcm_counter_inc(const dcm_counter *counter);

/* Adds a whole amount, with the guarantees of dcm_counter_inc. The sum saturates at 2^64 - 1. */
void dcm_counter_inc_by(const dcm_counter *counter, uint64_t amount);

/* Adds an amount that may have a fraction. Returns DCM_ERROR_AMOUNT, and adds nothing, if it is
 * negative, infinite or NaN. */
dcm_status dcm_counter_inc_by_double(const dcm_counter *counter, double amount);

/* Adds an amount, and keeps the labels of this event, such as "trace_id". OpenMetrics exposes the
 * labels of the last such event. Unlike dcm_counter_inc, it takes a lock. On an error nothing is
 * added. DCM_ERROR_AMOUNT as above. DCM_ERROR_LABEL for a name that is not valid or occurs twice.
 * DCM_ERROR_SETTING if names and values together have more than 128 characters. */
dcm_status dcm_counter_inc_by_with_exemplar(const dcm_counter *counter, double amount,
                                            const dcm_label *labels, size_t count);

/* Returns the sum over all threads, rounded down to a whole number. It is exact once the counting
 * threads were joined. It is never smaller than what the same thread read before. The more threads
 * have counted at the same time, the longer a read takes. */
dcm_status dcm_counter_get(const dcm_counter *counter, uint64_t *out);

/* Returns the sum with its fraction; exact up to 2^53. */
dcm_status dcm_counter_get_double(const dcm_counter *counter, double *out);

/* Registers the counter with another registry, or again after dcm_counter_unregister.
 * DCM_ERROR_DUPLICATE if the registry has it, or has another metric with which it conflicts. */
dcm_status dcm_counter_register(const dcm_counter *counter, dcm_registry *registry);

/* Unregisters the counter, so that the registry does not export it. The counter still works.
 * DCM_ERROR_NOT_REGISTERED if the registry does not have it. */
dcm_status dcm_counter_unregister(const dcm_counter *counter, dcm_registry *registry);

/* Frees the handle. The registry exports the counter until it is unregistered. */
void dcm_counter_free(dcm_counter *counter);

/* ---- Gauge: it goes up and down ------------------------------------------------------------- */

typedef struct dcm_gauge dcm_gauge;

/* Computes a gauge's value when it is read. It writes the value and returns 0. Any other return
 * value skips the gauge in this reading.
 *
 * The function runs on the thread that calls dcm_gauge_get or encodes. For a scrape or a push it
 * runs on a thread of the library. Two threads may call it at the same time. The library holds no
 * lock during the call, so the function may use every metric. If it reads its own gauge, that
 * reading skips the gauge. It must not throw or longjmp.
 *
 * A scrape waits for the function until the timeout that the scraper sent, or ten seconds. A push
 * waits for most of its time limit. After that, the gauge is skipped. */
typedef int (*dcm_gauge_function)(void *user_data, double *value);

/* Makes a gauge at zero and registers it, as dcm_counter_new. Nothing is added to the name. */
dcm_status dcm_gauge_new(dcm_registry *registry, const char *name, const char *help,
                         const dcm_label *labels, size_t count, dcm_gauge **out);

/* Makes a gauge with options. DCM_ERROR_SETTING if an option of families is set. */
dcm_status dcm_gauge_new_with(dcm_registry *registry, const dcm_options *options, dcm_gauge **out);

/* These set the value or add to it. An amount may be any double, including NaN and the infinities.
 * These five functions take no lock and cannot fail. */
void dcm_gauge_set(const dcm_gauge *gauge, double value);
void dcm_gauge_inc(const dcm_gauge *gauge);
void dcm_gauge_dec(const dcm_gauge *gauge);
void dcm_gauge_inc_by(const dcm_gauge *gauge, double amount);
void dcm_gauge_dec_by(const dcm_gauge *gauge, double amount);

/* Sets a function that computes the value. It replaces the gauge's number and any earlier function.
 * After that, dcm_gauge_set, _inc, _dec, _inc_by and _dec_by have no effect.
 * If `free_user_data` is not NULL, it is called once with `user_data`, when no thread will call the
 * function again. That is after the function was replaced, or the gauge was freed and unregistered.
 * The thread that drops the last reference calls it. It is not called if dcm_gauge_set_function
 * returns an error. */
dcm_status dcm_gauge_set_function(const dcm_gauge *gauge, dcm_gauge_function function,
                                  void *user_data, void (*free_user_data)(void *user_data));

/* Returns the value that a scrape would see. DCM_ERROR_ABSENT if the function returned none. */
dcm_status dcm_gauge_get(const dcm_gauge *gauge, double *out);

/* As for counters. */
dcm_status dcm_gauge_register(const dcm_gauge *gauge, dcm_registry *registry);
dcm_status dcm_gauge_unregister(const dcm_gauge *gauge, dcm_registry *registry);
void dcm_gauge_free(dcm_gauge *gauge);

/* ---- Histogram: how often a number fell in each bucket --------------------------------------- */

typedef struct dcm_histogram dcm_histogram;

/* Makes an empty histogram and registers it, as dcm_counter_new does. The short form has the
 * default buckets: 14 bounds from 0.005 to 10, chosen for seconds. DCM_ERROR_SETTING for bounds
 * that are not finite or do not ascend, and for none or more than 65,536. The same error for
 * native buckets that are not valid or more than 8,192. DCM_ERROR_LABEL for a label named "le".
 * Each bucket, explicit or native, takes 16 bytes for each thread that observes. */
dcm_status dcm_histogram_new(dcm_registry *registry, const char *name, const char *help,
                             const dcm_label *labels, size_t count, dcm_histogram **out);
dcm_status dcm_histogram_new_with(dcm_registry *registry, const dcm_options *options,
                                  dcm_histogram **out);

/* Observes a number, or the same number `times` times, with the guarantees of dcm_counter_inc.
 * Count, sum and buckets of one exposition come from the same observations. A negative number makes
 * the sum smaller. After NaN, the sum stays NaN. */
void dcm_histogram_observe(const dcm_histogram *histogram, double number);
void dcm_histogram_observe_n(const dcm_histogram *histogram, double number, uint64_t times);

/* Observes a number, and keeps the labels of this event, as dcm_counter_inc_by_with_exemplar does.
 * Each bucket has the labels of its last such event. */
dcm_status dcm_histogram_observe_with_exemplar(const dcm_histogram *histogram, double number,
                                               const dcm_label *labels, size_t count);

/* Return the number of observations, and their sum. */
dcm_status dcm_histogram_get_count(const dcm_histogram *histogram, uint64_t *out);
dcm_status dcm_histogram_get_sum(const dcm_histogram *histogram, double *out);

/* As for counters. */
dcm_status dcm_histogram_register(const dcm_histogram *histogram, dcm_registry *registry);
dcm_status dcm_histogram_unregister(const dcm_histogram *histogram, dcm_registry *registry);
void dcm_histogram_free(dcm_histogram *histogram);

/* ---- Summary: how many numbers, and their sum ------------------------------------------------ */

typedef struct dcm_summary dcm_summary;

/* As for histograms, but without buckets. DCM_ERROR_LABEL for a label named "quantile". */
dcm_status dcm_summary_new(dcm_registry *registry, const char *name, const char *help,
                           const dcm_label *labels, size_t count, dcm_summary **out);
dcm_status dcm_summary_new_with(dcm_registry *registry, const dcm_options *options,
                                dcm_summary **out);
void dcm_summary_observe(const dcm_summary *summary, double number);
void dcm_summary_observe_n(const dcm_summary *summary, double number, uint64_t times);
dcm_status dcm_summary_get_count(const dcm_summary *summary, uint64_t *out);
dcm_status dcm_summary_get_sum(const dcm_summary *summary, double *out);

/* As for counters. */
dcm_status dcm_summary_register(const dcm_summary *summary, dcm_registry *registry);
dcm_status dcm_summary_unregister(const dcm_summary *summary, dcm_registry *registry);
void dcm_summary_free(dcm_summary *summary);

/* ---- State set: which one of a few states is active ------------------------------------------ */

typedef struct dcm_state_set dcm_state_set;

/* Makes a state set, whose first state is active, and registers it. Each state has a sample, which
 * is 1 for the active one and 0 for the others. The label with the state has the name of the
 * metric. DCM_ERROR_LABEL if another label has that name, or if it begins with __.
 * DCM_ERROR_SETTING if options.states is empty or has a state twice.
 * DCM_ERROR_METRIC_NAME if a unit is set. */
dcm_status dcm_state_set_new_with(dcm_registry *registry, const dcm_options *options,
                                  dcm_state_set **out);

/* Sets the active state. DCM_ERROR_SETTING if there is no such state. */
dcm_status dcm_state_set_set(const dcm_state_set *state_set, const char *state);

/* As for counters. */
dcm_status dcm_state_set_register(const dcm_state_set *state_set, dcm_registry *registry);
dcm_status dcm_state_set_unregister(const dcm_state_set *state_set, dcm_registry *registry);
void dcm_state_set_free(dcm_state_set *state_set);

/* ---- Info: facts that do not change ---------------------------------------------------------- */

typedef struct dcm_info dcm_info;

/* Makes an info without facts and registers it, as dcm_counter_new does. `_info` is appended to the
 * name if it is missing. DCM_ERROR_METRIC_NAME if a unit is set. */
dcm_status dcm_info_new(dcm_registry *registry, const char *name, const char *help,
                        const dcm_label *labels, size_t count, dcm_info **out);
dcm_status dcm_info_new_with(dcm_registry *registry, const dcm_options *options,
                             dcm_info **out);

/* Replaces the facts, which are the labels of a sample that is always 1. DCM_ERROR_LABEL if a name
 * is not valid, occurs twice, or is the name of another label; then nothing changes. */
dcm_status dcm_info_set(const dcm_info *info, const dcm_label *facts, size_t count);

/* As for counters. */
dcm_status dcm_info_register(const dcm_info *info, dcm_registry *registry);
dcm_status dcm_info_unregister(const dcm_info *info, dcm_registry *registry);
void dcm_info_free(dcm_info *info);

/* ---- Families: one metric for each set of label values -------------------------------------- */

/* A child of a family is a metric with one set of label values. Look up a child once and keep its
 * handle: then counting costs as much as in a plain metric. A look-up costs about ten times as
 * much.
 *
 * A family holds at most 10,000 children by default (dcm_options.max_children). All further sets of
 * label values share one more child, whose label values are all "__overflow__". */
typedef struct dcm_counter_family dcm_counter_family;
typedef struct dcm_gauge_family dcm_gauge_family;
typedef struct dcm_histogram_family dcm_histogram_family;
typedef struct dcm_summary_family dcm_summary_family;
typedef struct dcm_state_set_family dcm_state_set_family;
typedef struct dcm_info_family dcm_info_family;

/* Makes a family without children and registers it. */
dcm_status dcm_counter_family_new(dcm_registry *registry, const char *name, const char *help,
                                  const char *const *label_names, size_t count,
                                  dcm_counter_family **out);

/* Makes a family with options. Each child also has the constant labels. */
dcm_status dcm_counter_family_new_with(dcm_registry *registry, const dcm_options *options,
                                       dcm_counter_family **out);

/* Returns the child with these values, one for each label name and in the same order. The child is
 * made at zero if it does not exist. Freeing the handle does not remove the child. DCM_ERROR_LABEL
 * for another number of values, DCM_ERROR_TOO_MANY_COUNTERS if there is no room for a new child. */
dcm_status dcm_counter_family_with_labels(const dcm_counter_family *family,
                                          const char *const *values, size_t count,
                                          dcm_counter **out);

/* Removes the child with these values, so that it is not exported. The next child with these values
 * starts at zero. Handles of the removed child still work. DCM_ERROR_ABSENT if there is no such
 * child. */
dcm_status dcm_counter_family_remove(const dcm_counter_family *family, const char *const *values,
                                     size_t count);

/* Removes all children. */
dcm_status dcm_counter_family_clear(const dcm_counter_family *family);

/* As for counters. */
dcm_status dcm_counter_family_register(const dcm_counter_family *family, dcm_registry *registry);
dcm_status dcm_counter_family_unregister(const dcm_counter_family *family, dcm_registry *registry);
void dcm_counter_family_free(dcm_counter_family *family);

/* The same for gauges. */
dcm_status dcm_gauge_family_new(dcm_registry *registry, const char *name, const char *help,
                                const char *const *label_names, size_t count,
                                dcm_gauge_family **out);
dcm_status dcm_gauge_family_new_with(dcm_registry *registry, const dcm_options *options,
                                     dcm_gauge_family **out);
dcm_status dcm_gauge_family_with_labels(const dcm_gauge_family *family, const char *const *values,
                                        size_t count, dcm_gauge **out);
dcm_status dcm_gauge_family_remove(const dcm_gauge_family *family, const char *const *values,
                                   size_t count);
dcm_status dcm_gauge_family_clear(const dcm_gauge_family *family);
dcm_status dcm_gauge_family_register(const dcm_gauge_family *family, dcm_registry *registry);
dcm_status dcm_gauge_family_unregister(const dcm_gauge_family *family, dcm_registry *registry);
void dcm_gauge_family_free(dcm_gauge_family *family);

/* The same for histograms, summaries, state sets and infos. All children of a histogram family have
 * the same buckets, and all children of a state set family have the same states. */
dcm_status dcm_histogram_family_new(dcm_registry *registry, const char *name, const char *help,
                                    const char *const *label_names, size_t count,
                                    dcm_histogram_family **out);
dcm_status dcm_histogram_family_new_with(dcm_registry *registry, const dcm_options *options,
                                         dcm_histogram_family **out);
dcm_status dcm_histogram_family_with_labels(const dcm_histogram_family *family,
                                            const char *const *values, size_t count,
                                            dcm_histogram **out);
dcm_status dcm_histogram_family_remove(const dcm_histogram_family *family, const char *const *values,
                                       size_t count);
dcm_status dcm_histogram_family_clear(const dcm_histogram_family *family);
dcm_status dcm_histogram_family_register(const dcm_histogram_family *family, dcm_registry *registry);
dcm_status dcm_histogram_family_unregister(const dcm_histogram_family *family,
                                           dcm_registry *registry);
void dcm_histogram_family_free(dcm_histogram_family *family);

dcm_status dcm_summary_family_new(dcm_registry *registry, const char *name, const char *help,
                                  const char *const *label_names, size_t count,
                                  dcm_summary_family **out);
dcm_status dcm_summary_family_new_with(dcm_registry *registry, const dcm_options *options,
                                       dcm_summary_family **out);
dcm_status dcm_summary_family_with_labels(const dcm_summary_family *family,
                                          const char *const *values, size_t count,
                                          dcm_summary **out);
dcm_status dcm_summary_family_remove(const dcm_summary_family *family, const char *const *values,
                                     size_t count);
dcm_status dcm_summary_family_clear(const dcm_summary_family *family);
dcm_status dcm_summary_family_register(const dcm_summary_family *family, dcm_registry *registry);
dcm_status dcm_summary_family_unregister(const dcm_summary_family *family,
                                         dcm_registry *registry);
void dcm_summary_family_free(dcm_summary_family *family);

dcm_status dcm_state_set_family_new_with(dcm_registry *registry, const dcm_options *options,
                                         dcm_state_set_family **out);
dcm_status dcm_state_set_family_with_labels(const dcm_state_set_family *family,
                                            const char *const *values, size_t count,
                                            dcm_state_set **out);
dcm_status dcm_state_set_family_remove(const dcm_state_set_family *family, const char *const *values,
                                       size_t count);
dcm_status dcm_state_set_family_clear(const dcm_state_set_family *family);
dcm_status dcm_state_set_family_register(const dcm_state_set_family *family, dcm_registry *registry);
dcm_status dcm_state_set_family_unregister(const dcm_state_set_family *family,
                                           dcm_registry *registry);
void dcm_state_set_family_free(dcm_state_set_family *family);

dcm_status dcm_info_family_new(dcm_registry *registry, const char *name, const char *help,
                               const char *const *label_names, size_t count,
                               dcm_info_family **out);
dcm_status dcm_info_family_new_with(dcm_registry *registry, const dcm_options *options,
                                    dcm_info_family **out);
dcm_status dcm_info_family_with_labels(const dcm_info_family *family,
                                       const char *const *values, size_t count,
                                       dcm_info **out);
dcm_status dcm_info_family_remove(const dcm_info_family *family, const char *const *values,
                                  size_t count);
dcm_status dcm_info_family_clear(const dcm_info_family *family);
dcm_status dcm_info_family_register(const dcm_info_family *family, dcm_registry *registry);
dcm_status dcm_info_family_unregister(const dcm_info_family *family,
                                      dcm_registry *registry);
void dcm_info_family_free(dcm_info_family *family);

/* ---- The metrics of dataClay ---------------------------------------------------------------- */

/* The five metrics that dataClay documents. */
typedef struct dcm_dataclay dcm_dataclay;

/* Makes the five metrics at zero and registers those of the role. "backend" has all five. "client"
 * has objects in memory, misses and hits. "metadata" and "proxy" have none. DCM_ERROR_SETTING for
 * any other role. */
dcm_status dcm_dataclay_new(dcm_registry *registry, const char *role, dcm_dataclay **out);

/* Return one of the five metrics, which is valid until dcm_dataclay_free. NULL only for NULL. */
const dcm_gauge *dcm_dataclay_inmemory_objects(const dcm_dataclay *dataclay);
const dcm_gauge *dcm_dataclay_loaded_objects(const dcm_dataclay *dataclay);
const dcm_gauge *dcm_dataclay_stored_objects(const dcm_dataclay *dataclay);
const dcm_counter *dcm_dataclay_inmemory_misses_total(const dcm_dataclay *dataclay);
const dcm_counter *dcm_dataclay_inmemory_hits_total(const dcm_dataclay *dataclay);

/* Frees the five handles. The registry still exports the metrics. */
void dcm_dataclay_free(dcm_dataclay *dataclay);

/* ---- Pushgateway ---------------------------------------------------------------------------- */

/* One group on one Pushgateway. A push replaces the whole group, so each process needs its own
 * group, with a label "instance". */
typedef struct dcm_gateway dcm_gateway;

/* Makes a handle for the group of `job` and `labels` at `address`, which is "HOST:PORT" or
 * "http://HOST:PORT[/PREFIX]". https is refused, as by dcm_otlp_new. Sends nothing yet.
 * DCM_ERROR_SETTING for a wrong address. DCM_ERROR_LABEL if `job` is empty, or if the name of a
 * label is not valid or occurs twice. */
dcm_status dcm_gateway_new(const char *address, const char *job, const dcm_label *labels,
                           size_t count, dcm_gateway **out);

/* Sets the time limit of one request, including name resolution. The default is 5 seconds. With 0,
 * each request fails at once. */
dcm_status dcm_gateway_set_timeout(dcm_gateway *gateway, double seconds);

/* Sets user name and password for HTTP basic authentication. The user name must not contain a
 * colon. Both are sent unencrypted. No error and no log line shows the password. */
dcm_status dcm_gateway_set_basic_auth(dcm_gateway *gateway, const char *user,
                                      const char *password);

/* Sets the format of pushes: DCM_FORMAT_TEXT (the default) or DCM_FORMAT_PROTOBUF, which carries
 * start times through the gateway. */
dcm_status dcm_gateway_set_format(dcm_gateway *gateway, dcm_format format);

/* Sets whether the bodies of pushes are compressed with gzip: 0 (the default) or 1. Gateways before
 * 1.5.0 refuse such bodies. */
dcm_status dcm_gateway_set_gzip(dcm_gateway *gateway, int gzip);

/* Send one request on this thread. _push replaces the whole group by the metrics of the registry.
 * _push_add replaces only metrics with the same names. _delete deletes the group. All three are
 * safe to repeat. DCM_ERROR_PUSH if the gateway refuses or does not respond; dcm_error_last() has
 * the reason. */
dcm_status dcm_gateway_push(const dcm_gateway *gateway, const dcm_registry *registry);
dcm_status dcm_gateway_push_add(const dcm_gateway *gateway, const dcm_registry *registry);
dcm_status dcm_gateway_delete(const dcm_gateway *gateway);

/* Frees the handle. Push threads that were started with it continue. */
void dcm_gateway_free(dcm_gateway *gateway);

/* ---- OTLP ----------------------------------------------------------------------------------- */

/* An endpoint that receives OTLP over HTTP, and the resource that describes this process. */
typedef struct dcm_otlp dcm_otlp;

/* Makes a handle for the endpoint at `url`, "http://HOST:PORT/PATH". https is refused, with
 * DCM_ERROR_SETTING: this library has no TLS. Use a collector or a proxy on the same host.
 * `service` and `instance` become the attributes service.name and service.instance.id of the
 * resource. Prometheus turns them into the labels job and instance, so no two processes may share
 * both. Sends nothing yet. */
dcm_status dcm_otlp_new(const char *url, const char *service, const char *instance,
                        dcm_otlp **out);

/* Sets another attribute of the resource. */
dcm_status dcm_otlp_set_attribute(dcm_otlp *otlp, const char *key, const char *value);

/* Sets a header of each request. No error and no log line shows its value. DCM_ERROR_SETTING if the
 * name or the value is not valid in HTTP. */
dcm_status dcm_otlp_set_header(dcm_otlp *otlp, const char *name, const char *value);

/* Sets the time limit of one request, including name resolution. The default is 5 seconds. With 0,
 * each request fails at once. */
dcm_status dcm_otlp_set_timeout(dcm_otlp *otlp, double seconds);

/* Sets whether requests are compressed with gzip: 0 (the default) or 1. */
dcm_status dcm_otlp_set_gzip(dcm_otlp *otlp, int gzip);

/* Sends the metrics of the registry on this thread. Safe to repeat. DCM_ERROR_PUSH if the endpoint
 * refuses or does not respond; dcm_error_last() has the reason. */
dcm_status dcm_otlp_export(const dcm_otlp *otlp, const dcm_registry *registry);

/* Frees the handle. Push threads that were started with it continue. */
void dcm_otlp_free(dcm_otlp *otlp);

/* ---- Exporters: threads that export a registry ---------------------------------------------- */

/* A running exporter. Stop or free it before the process ends, because only then a push exporter
 * makes its last push. exit() and a return from main() do not stop it. */
typedef struct dcm_exporter dcm_exporter;

/* Starts a thread that serves GET /metrics, and a live page at /. `host` is a name or an IP
 * address; "0.0.0.0" listens on every interface. Port 0 is any free port. DCM_ERROR_LISTEN if the
 * address cannot be bound. DCM_ERROR_SYSTEM if the system refuses a thread or a descriptor, as for
 * every exporter. */
dcm_status dcm_exporter_start_http(const dcm_registry *registry, const char *host, uint16_t port,
                                   dcm_exporter **out);

/* The options of a scrape endpoint. They work as dcm_options does:
 *
 *     dcm_http_options options = DCM_HTTP_OPTIONS("0.0.0.0", 8000);
 *     options.port_count = 20;
 *     dcm_exporter_start_http_with(registry, &options, &exporter);
 */
typedef struct dcm_http_options {
    size_t size;       /* sizeof(dcm_http_options) */
    const char *host;  /* as in dcm_exporter_start_http */
    size_t port;       /* as in dcm_exporter_start_http */
    size_t port_count; /* it listens on the first free one of this many ports; 1 if not set */
    /* A directory in tmpfs in which the processes of one job and instance count together: an
     * absolute path, "auto" or "none"; NULL is "none". */
    const char *directory;
    const char *job;      /* "dataclay" if NULL */
    const char *instance; /* "PROGRAM@NODE" if NULL */
} dcm_http_options;

/* The initialiser of a dcm_http_options. */
#define DCM_HTTP_OPTIONS(host, port) \
    {sizeof(dcm_http_options), (host), (size_t)(port), 0, NULL, NULL, NULL}

/* Starts a scrape endpoint with options. If `port_count` is set, a child of fork() uses the same
 * ports. DCM_ERROR_LISTEN if they are all taken. dcm_exporter_port returns the one in use.
 *
 * With `directory`, the counts of this process outlive it: see docs/node.md. One process serves the
 * counts of all, on the first free one of 100 ports. When it ends, another takes over its port.
 * DCM_ERROR_SETTING if this process has counted before, or counts elsewhere. DCM_ERROR_ARGUMENT if
 * `port_count` is set with a directory, or `job` or `instance` without one. */
dcm_status dcm_exporter_start_http_with(const dcm_registry *registry,
                                        const dcm_http_options *options, dcm_exporter **out);

/* Starts a thread that pushes at once, and then every `interval` seconds. DCM_ERROR_SETTING if
 * `interval` is 0. The thread has its own copy of the gateway, so later changes to `gateway` have
 * no effect on it. If a push fails, the log function is called. */
dcm_status dcm_exporter_start_push(const dcm_registry *registry, const dcm_gateway *gateway,
                                   double interval, dcm_exporter **out);

/* Starts a thread that sends to an OTLP endpoint, as dcm_exporter_start_push does to a gateway. */
dcm_status dcm_exporter_start_otlp(const dcm_registry *registry, const dcm_otlp *otlp,
                                   double interval, dcm_exporter **out);

/* Starts the exporter that the environment variables DATACLAY_METRICS* choose (docs/settings.md
 * lists them). It is one of these:
 * - a scrape endpoint, on the first free one of the 100 ports from the requested one;
 * - a push exporter, whose group has the job and the instance of the environment; the default
 *   instance is "HOST:PID";
 * - an exporter by OTLP, which also reads the variables OTEL_*;
 * - an exporter that does nothing, if DATACLAY_METRICS is false or DATACLAY_METRICS_EXPORTER is
 *   none.
 *
 * DCM_ERROR_SETTING if a variable has a wrong value. On an error nothing is started. */
dcm_status dcm_exporter_start_env(const dcm_registry *registry, dcm_exporter **out);

/* Returns the URL of the metrics, or of the group on the gateway. Free it with dcm_string_free.
 * DCM_ERROR_ABSENT if the environment chooses no exporter. */
dcm_status dcm_exporter_url(const dcm_exporter *exporter, char **out);

/* Returns the port on which a scrape endpoint listens. DCM_ERROR_ABSENT for other exporters. */
dcm_status dcm_exporter_port(const dcm_exporter *exporter, uint16_t *out);

/* Stops the exporter and waits for its thread. A second call does nothing. A push exporter makes a
 * last push within `limit` seconds; DCM_ERROR_PUSH if that push fails. A scrape endpoint takes at
 * most 2 seconds, whatever the limit. DCM_ERROR_TIMEOUT if its thread still runs then, for example
 * because the processors are overloaded; a gauge's function never delays it. In all cases, the
 * exporter is stopped, or stops soon. */
dcm_status dcm_exporter_stop(const dcm_exporter *exporter, double limit);

/* Stops a push exporter and deletes its group instead of making a last push. DCM_ERROR_PUSH for an
 * exporter by OTLP, which cannot delete. DCM_ERROR_ABSENT for a scrape endpoint, which still runs
 * then. If DATACLAY_METRICS_ON_EXIT=delete was set for
 * dcm_exporter_start_env, dcm_exporter_stop and dcm_exporter_free do the same. */
dcm_status dcm_exporter_stop_and_delete(const dcm_exporter *exporter, double limit);

/* Frees the handle. Stops the exporter first, within 2 seconds, if it still runs. */
void dcm_exporter_free(dcm_exporter *exporter);

/* ---- Log ------------------------------------------------------------------------------------ */

typedef enum dcm_log_level {
    DCM_LOG_ERROR = 1,
    DCM_LOG_WARN = 2,
    DCM_LOG_INFO = 3
} dcm_log_level;

/* Receives one line about a failure on a thread of the library. `message` is valid during the call.
 * It is called on any thread. It must not throw or longjmp. */
typedef void (*dcm_log_function)(void *user_data, int level, const char *message);

/* Sets the function that receives the log lines of this process and of its forked children. NULL,
 * the default, drops them. A call of the earlier function may still be running, so keep its
 * `user_data` alive until the exporters have stopped. */
void dcm_log_set_function(dcm_log_function function, void *user_data);

#ifdef __cplusplus
}
#endif

#endif
