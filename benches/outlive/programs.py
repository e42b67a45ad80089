"""The dataClay programs of the rows. Each looks objects up, and dataClay logs each lookup."""

_PERSONS = 10
# Makes objects, looks each up once, and keeps it, so that the first lookup of each is a miss.
_START = f"""
from dataclay import Client
from dataclay.config import get_runtime
from dataclay.contrib.modeltest.family import Family, Person
from dataclay.event_loop import run_dc_coroutine

client = Client()
client.start()
ids = []
for n in range({_PERSONS}):
    person = Person(str(n), n)
    person.make_persistent()
    ids.append(person._dc_meta.id)
del person
held = [run_dc_coroutine(get_runtime().get_object_by_id, id) for id in ids]

def look_up_for(seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for id in ids:
            run_dc_coroutine(get_runtime().get_object_by_id, id)
        time.sleep(0.01)

print("ready", flush=True)
"""


def client(seconds: float) -> str:
    """Returns a client that looks objects up for this many seconds, and stops."""
    return f"{_START}look_up_for({seconds})\nclient.stop()\n"


# A COMPSs worker makes its client and then forks. dataClay's event loop does not run in a child, so
# each lookup of an object in memory runs in a loop of the child.
FORKS = f"""{_START}
import asyncio, multiprocessing

def look_up(times):
    for _ in range(times):
        for id in ids:
            asyncio.run(get_runtime().get_object_by_id(id))

for _ in range(8):
    child = os.fork()
    if child == 0:
        look_up(4)
        os._exit(0)
    os.waitpid(child, 0)
with multiprocessing.get_context("fork").Pool(4) as pool:  # its end is Pool.terminate()
    pool.map(look_up, [1] * 64)
client.stop()
"""

# Makes a backend look up the members of a family. Later runs find the family on the backend.
BACKEND_LOAD = """
from dataclay import Client
from dataclay.contrib.modeltest.family import Family, Person

client = Client()
client.start()
try:
    family = Family.get_by_alias("outlive")
except Exception:
    family = Family()
    family.make_persistent(alias="outlive")
    for n in range(10):
        family.add(Person(str(n), n))
print("ready", flush=True)
while True:
    family.add_year()
"""
