/*
 * A cache that is read far more often than written: readers share it; the one that misses looks again as an upgradable
 * reader, beside the others, and keeps them out only to write. C99.
 */

#include <ntpark.h>

#include <stdio.h>
#include <windows.h>

enum { BUCKETS = 64, KEYS = 1000, THREADS = 4, LOOKUPS = 20000 };

struct entry {
    unsigned key, value;
};

/* All zero: empty. The lock guards the rest. */
struct cache {
    ntpark_rwlock lock;
    struct entry entries[BUCKETS];
    unsigned computed;
};

/* The cached function. 0 marks an empty entry, so it is never a key. */
static unsigned compute(unsigned key)
{
    return key * key + 1;
}

static bool find(const struct cache *cache, unsigned key, unsigned *value)
{
    const struct entry *entry = &cache->entries[key % BUCKETS];

    *value = entry->value;
    return entry->key == key;
}

static unsigned look_up(struct cache *cache, unsigned key)
{
    unsigned value;
    bool is_found;

    ntpark_rwlock_lock_shared(&cache->lock);
    is_found = find(cache, key, &value);
    ntpark_rwlock_unlock_shared(&cache->lock);
    if (is_found)
        return value;

    /* One thread at a time computes, so what two of them miss is computed once. */
    ntpark_rwlock_lock_upgradable(&cache->lock);
    if (!find(cache, key, &value)) {
        struct entry *entry = &cache->entries[key % BUCKETS];

        value = compute(key);
        ntpark_rwlock_upgrade(&cache->lock);
        entry->key = key;
        entry->value = value;
        cache->computed++;
        ntpark_rwlock_downgrade_to_upgradable(&cache->lock);
    }
    ntpark_rwlock_unlock_upgradable(&cache->lock);
    return value;
}

static struct cache cache;
static volatile LONG wrong;

static DWORD WINAPI use(void *seed)
{
    unsigned random = (unsigned)(uintptr_t)seed;
    int times;

    for (times = 0; times < LOOKUPS; times++) {
        unsigned key;

        random = random * 1664525u + 1013904223u;
        /* Most look-ups are for a few keys. */
        key = 1 + (random >> 16) % (times % 16 == 0 ? KEYS : BUCKETS / 2);
        if (look_up(&cache, key) != compute(key))
            InterlockedIncrement(&wrong);
    }
    return 0;
}

int main(void)
{
    HANDLE threads[THREADS];
    uintptr_t at;

    for (at = 0; at < THREADS; at++) {
        threads[at] = CreateThread(NULL, 0, use, (void *)(at + 1), 0, NULL);
        if (threads[at] == NULL)
            return 1;
    }
    WaitForMultipleObjects(THREADS, threads, TRUE, INFINITE);
    for (at = 0; at < THREADS; at++)
        CloseHandle(threads[at]);
    printf("%d look-ups, %u computed, %ld wrong\n", THREADS * LOOKUPS, cache.computed, wrong);
    return wrong == 0 && cache.computed > 0 && cache.computed < THREADS * LOOKUPS / 2 ? 0 : 1;
}
