"""Calls the C library from Python through ctypes, as any foreign function interface does.

python counter.py PATH/libdataclay_metrics.so
"""

import ctypes
import sys

dcm = ctypes.CDLL(sys.argv[1])
dcm.dcm_error_last.restype = ctypes.c_char_p
dcm.dcm_registry_encode_new.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
dcm.dcm_counter_new.argtypes = [
    ctypes.c_void_p,
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_void_p,
]
for function in (dcm.dcm_counter_inc, dcm.dcm_counter_free, dcm.dcm_registry_free):
    function.argtypes, function.restype = [ctypes.c_void_p], None
dcm.dcm_string_free.argtypes, dcm.dcm_string_free.restype = [ctypes.c_void_p], None


def must(status: int) -> None:
    if status != 0:
        raise ValueError(dcm.dcm_error_last().decode())


registry, counter, text = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
must(dcm.dcm_registry_new(ctypes.byref(registry)))
must(dcm.dcm_counter_new(registry, b"calls", b"Calls by ctypes", None, 0, ctypes.byref(counter)))
for _ in range(1000):
    dcm.dcm_counter_inc(counter)
must(dcm.dcm_registry_encode_new(registry, 0, ctypes.byref(text)))
print(ctypes.string_at(text.value or 0).decode(), end="")
dcm.dcm_string_free(text)
try:
    must(dcm.dcm_counter_new(registry, b"calls", b"again", None, 0, ctypes.byref(text)))
except ValueError as error:
    print("refused:", error)
dcm.dcm_counter_free(counter)
dcm.dcm_registry_free(registry)
