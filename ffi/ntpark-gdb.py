"""Shows the states of parkers and locks in gdb, of C and of Rust: `source ntpark-gdb.py`, then `print` any of them.

docs/hang.md tells how to read a blocked thread with it.
"""

import gdb
import gdb.printing


def names(state, flags):
    """The names of the bits that are set."""
    return [name for bit, name in flags if state & bit]


def describe(state, flags, free):
    """The names of the bits that are set, or what none of them means."""
    return " + ".join(names(state, flags)) or free


def parker(state):
    flags = [(1 << 28, "PARKED"), (1 << 29, "ARMED"), (1 << 30, "TIMED_OUT"), (1 << 31, "RELEASED")]
    if state & 0x0FFFFFFF:
        flags = [(0x0FFFFFFF, "NOTIFIED")] + flags
    return describe(state, flags, "EMPTY")


def mutex(state):
    return describe(state, [(1, "locked"), (2, "threads wait"), (4, "a woken one is on its way")], "free")


def rwlock(state):
    readers = state >> 19
    writer = "claimed by a writer" if readers else "locked by a writer"
    flags = [(1, writer), (2, "upgradable"), (4, "threads wait"), (8, "woken ones are on their way"),
             (16, "the writer sleeps until the readers leave")]
    return " + ".join(names(state, flags) + (["%d readers" % readers] if readers else [])) or "free"


def condvar(state):
    if state in (0, 1):
        return "threads wait with several locks" if state else "nobody waits"
    return "threads wait with the mutex at %#x" % state


def once(state):
    flags = [(1, "done"), (2, "given up"), (4, "a thread is at it"), (8, "threads wait")]
    return describe(state, flags, "new")


def semaphore(state):
    return "%d permits%s" % (state >> 1, " + threads wait" if state & 1 else "")


def event(state):
    kind = "manual" if state & 4 else "automatic"
    return "%s, %s" % (kind, describe(state, [(1, "set"), (2, "threads wait")], "not set"))


def barrier(state):
    return "%d arrived in round %d" % (state & 0xFFFF, state >> 16)


# What a type is called in C and in Rust, how many bytes its state has (0: a word), and what they mean.
TYPES = [
    ("ntpark_parker", "ntpark::parker::Parker", 0, parker),
    ("ntpark_thread_parker", "ntpark::thread_parker::ThreadParker", 0, parker),
    ("ntpark_mutex", "ntpark_locks::mutex::RawMutex", 4, mutex),
    ("ntpark_rwlock", "ntpark_locks::rwlock::RawRwLock", 0, rwlock),
    ("ntpark_condvar", "ntpark_locks::condvar::Condvar", 0, condvar),
    ("ntpark_once", "ntpark_locks::once::Once", 1, once),
    ("ntpark_semaphore", "ntpark_locks::semaphore::Semaphore", 4, semaphore),
    ("ntpark_event", "ntpark_locks::event::Event", 1, event),
    ("ntpark_barrier", "ntpark_locks::barrier::Barrier", 4, barrier),
]


def printer(size, meaning):
    """A pretty-printer of a state that a value begins with."""

    class Printer:
        def __init__(self, value):
            self.value = value

        def to_string(self):
            if self.value.address is None:
                return "not in memory"
            address = int(self.value.address)
            bytes_of_state = size or gdb.lookup_type("void").pointer().sizeof
            memory = gdb.selected_inferior().read_memory(address, bytes_of_state)
            return meaning(int.from_bytes(memory.tobytes(), "little"))

    return Printer


# What the spaces of the lot's keys are for.
SPACES = dict(enumerate(["mutex", "reader-writer lock", "reader-writer lock, by its writer", "condition variable", "once",
                         "semaphore", "barrier", "event"], 0xFF00))
SPACES[0xFFFFFFFF] = "futex"


class Waiter(gdb.Command):
    """Tells what a thread waits for: `ntpark-waiter ADDRESS`, of the word that it sleeps on, for locks and futexes."""

    def __init__(self):
        super().__init__("ntpark-waiter", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        word = gdb.lookup_type("void").pointer().sizeof
        # The key lies before the parker: an address, a space, a word of state, a token, a bucket.
        start = int(gdb.parse_and_eval(argument)) - (4 * word if word == 8 else 5 * word)
        memory = gdb.selected_inferior().read_memory(start, word + 4).tobytes()
        address, space = int.from_bytes(memory[:word], "little"), int.from_bytes(memory[word:], "little")
        print("waits for %#x: %s" % (address, SPACES.get(space, "key space %#x of the program's" % space)))


Waiter()


def register():
    printers = gdb.printing.RegexpCollectionPrettyPrinter("ntpark")
    for c, rust, size, meaning in TYPES:
        printers.add_printer(c, "^(%s|%s)$" % (c, rust), printer(size, meaning))
    gdb.printing.register_pretty_printer(gdb.current_objfile(), printers, replace=True)


register()
