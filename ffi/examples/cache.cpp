// Uses the C library from C++, with handles in unique_ptr and errors as exceptions.
//
//     c++ -std=c++17 -pthread cache.cpp $(pkg-config --cflags --libs dataclay_metrics) -o cache
#include <dataclay_metrics.h>

#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

template <auto free>
struct Free {
    template <typename T>
    void operator()(T *handle) const noexcept {
        free(handle);
    }
};
template <typename T, auto free>
using Handle = std::unique_ptr<T, Free<free>>;
using Registry = Handle<dcm_registry, dcm_registry_free>;
using Counter = Handle<dcm_counter, dcm_counter_free>;
using Text = Handle<char, dcm_string_free>;

static void must(dcm_status status) {
    if (status != DCM_OK) {
        throw std::runtime_error(dcm_error_last());
    }
}

static Registry make_registry() {
    dcm_registry *registry;
    must(dcm_registry_new(&registry));
    return Registry(registry);
}

static Counter make_counter(const Registry &registry, const std::string &name,
                            const std::string &help) {
    dcm_counter *counter;
    must(dcm_counter_new(registry.get(), name.c_str(), help.c_str(), nullptr, 0, &counter));
    return Counter(counter);
}

int main() {
    try {
        const Registry registry = make_registry();
        const Counter hits = make_counter(registry, "cache_hits", "Lookups that found their key");
        const Counter misses = make_counter(registry, "cache_misses", "Lookups that did not");
        const std::unordered_map<int, int> cache{{0, 1}, {1, 1}, {2, 4}};

        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                for (int key = 0; key < 400000; ++key) {
                    dcm_counter_inc((cache.count(key % 4) != 0 ? hits : misses).get());
                }
            });
        }
        for (std::thread &thread : threads) {
            thread.join();
        }

        char *text;
        must(dcm_registry_encode_new(registry.get(), DCM_FORMAT_TEXT, &text));
        std::cout << Text(text).get();
        make_counter(registry, "", "");
    } catch (const std::runtime_error &error) {
        std::cout << "refused: " << error.what() << '\n';
    }
}
