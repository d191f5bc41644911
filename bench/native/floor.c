/* The floor that frame_to_top is held against: a scanner written for Binance's compact frames alone, and a book that is
 * a window of quantities indexed by tick. It trusts its input, knows the tick, and does nothing else.
 *
 * Usage: floor DEPTH_FILE QUOTE_FILE SNAPSHOT_FILE PRICE_DECIMALS QUANTITY_DECIMALS BATCH REPEATS
 * Frame files hold u32 lengths and frames. Prints one JSON object: best nanoseconds per frame of every batch, and the
 * final top. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WINDOW (1u << 16)
#define WORDS (WINDOW / 64)

typedef struct { int64_t tick, lots; } Level;
typedef struct {
    int bids;
    int64_t origin, best;
    int64_t lots[WINDOW];
    uint64_t words[WORDS], groups[WORDS / 64];
    Level *far; /* sorted by tick: levels outside the window */
    int far_count, far_room;
} Side;

static int price_decimals, quantity_decimals;
static int64_t pow10i[20];

static int find_far(Side *s, int64_t tick) {
    int low = 0, high = s->far_count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (s->far[middle].tick < tick) low = middle + 1; else high = middle;
    }
    return low;
}

static void set_far(Side *s, int64_t tick, int64_t lots) {
    int at = find_far(s, tick), there = at < s->far_count && s->far[at].tick == tick;
    if (!lots) {
        if (there) { memmove(s->far + at, s->far + at + 1, sizeof(Level) * (s->far_count - at - 1)); s->far_count--; }
        return;
    }
    if (there) { s->far[at].lots = lots; return; }
    if (s->far_count == s->far_room) {
        s->far_room = s->far_room ? 2 * s->far_room : 1024;
        s->far = realloc(s->far, sizeof(Level) * s->far_room);
    }
    memmove(s->far + at + 1, s->far + at, sizeof(Level) * (s->far_count - at));
    s->far[at] = (Level){tick, lots};
    s->far_count++;
}

static int64_t next_below(Side *s, int64_t offset) {
    int64_t word = offset >> 6;
    uint64_t bits = s->words[word] & ((1ull << (offset & 63)) - 1);
    if (bits) return (word << 6) | (63 - __builtin_clzll(bits));
    int64_t group = word >> 6;
    uint64_t words = s->groups[group] & ((1ull << (word & 63)) - 1);
    while (!words) { if (--group < 0) return -1; words = s->groups[group]; }
    word = (group << 6) | (63 - __builtin_clzll(words));
    return (word << 6) | (63 - __builtin_clzll(s->words[word]));
}

static int64_t next_above(Side *s, int64_t offset) {
    int64_t word = offset >> 6;
    uint64_t bits = (offset & 63) == 63 ? 0 : s->words[word] & (~0ull << ((offset & 63) + 1));
    if (bits) return (word << 6) | __builtin_ctzll(bits);
    int64_t group = word >> 6;
    uint64_t words = (word & 63) == 63 ? 0 : s->groups[group] & (~0ull << ((word & 63) + 1));
    while (!words) { if (++group >= WORDS / 64) return -1; words = s->groups[group]; }
    word = (group << 6) | __builtin_ctzll(words);
    return (word << 6) | __builtin_ctzll(s->words[word]);
}

static void set(Side *s, int64_t tick, int64_t lots) {
    uint64_t offset = (uint64_t)(tick - s->origin);
    if (offset >= WINDOW) { set_far(s, tick, lots); return; }
    s->lots[offset] = lots;
    uint64_t word = offset >> 6;
    if (lots) {
        s->words[word] |= 1ull << (offset & 63);
        s->groups[word >> 6] |= 1ull << (word & 63);
        if (!s->best || (s->bids ? tick > s->best : tick < s->best)) s->best = tick;
        return;
    }
    s->words[word] &= ~(1ull << (offset & 63));
    if (!s->words[word]) s->groups[word >> 6] &= ~(1ull << (word & 63));
    if (tick == s->best) {
        int64_t next = s->bids ? next_below(s, offset) : next_above(s, offset);
        s->best = next < 0 ? 0 : s->origin + next;
    }
}

static inline int64_t swar(const char *p, int count) { /* value of the first 1..8 digits */
    uint64_t word;
    memcpy(&word, p, 8);
    word = (word ^ 0x3030303030303030ull) << (64 - 8 * count);
    word = (word * 10 + (word >> 8)) & 0x00ff00ff00ff00ffull;
    word = (word * 100 + (word >> 16)) & 0x0000ffff0000ffffull;
    return (int64_t)((word * 10000 + (word >> 32)) & 0xffffffffull);
}

static inline int digit_run(const char *p) {
    uint64_t word;
    memcpy(&word, p, 8);
    word ^= 0x3030303030303030ull;
    word = ((word + 0x7676767676767676ull) | word) & 0x8080808080808080ull;
    return word ? __builtin_ctzll(word) >> 3 : 8;
}

/* A quoted decimal at p (behind the quote); *end is behind the closing quote. */
static inline int64_t decimal(const char *p, int decimals, const char **end) {
    int whole = digit_run(p);
    int64_t value = swar(p, whole) * pow10i[decimals];
    p += whole;
    if (*p == '.') {
        int digits = digit_run(++p), kept = digits < decimals ? digits : decimals;
        if (kept) value += swar(p, kept) * pow10i[decimals - kept];
        p += digits;
    }
    *end = p + 1;
    return value;
}

static inline const char *levels(const char *p, Side *side) { /* p behind the '[' of the list */
    if (*p == ']') return p + 1;
    for (;;) {
        int64_t tick = decimal(p + 2, price_decimals, &p);
        int64_t lots = decimal(p + 2, quantity_decimals, &p);
        set(side, tick, lots);
        if (p[1] == ']') return p + 2;
        p += 2;
    }
}

static inline int64_t number(const char *p) {
    int64_t value = 0;
    while (*p >= '0' && *p <= '9') value = value * 10 + (*p++ - '0');
    return value;
}

static int64_t sequence;

static void depth(const char *frame, Side *bids, Side *asks) {
    const char *p = strstr(frame, "\"u\":");
    sequence = number(p + 4);
    p = strstr(p, "\"b\":[");
    p = levels(p + 5, bids);
    levels(p + 6, asks); /* ,"a":[ */
}

static int64_t quote_top[4];

static void quote(const char *frame) {
    const char *p = strstr(frame, "\"u\":");
    sequence = number(p + 4);
    p = strstr(p, "\"b\":\"") + 5;
    quote_top[0] = decimal(p, price_decimals, &p);
    quote_top[1] = decimal(p + 6, quantity_decimals, &p);
    quote_top[2] = decimal(p + 6, price_decimals, &p);
    quote_top[3] = decimal(p + 6, quantity_decimals, &p);
}

static char *slurp(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file) { perror(path); exit(2); }
    fseek(file, 0, SEEK_END);
    *size = ftell(file);
    rewind(file);
    char *data = calloc(1, *size + 64);
    if (fread(data, 1, *size, file) != *size) { perror(path); exit(2); }
    fclose(file);
    return data;
}

static int frames(const char *path, char ***out) { /* every frame with a zero and padding behind */
    size_t size;
    char *data = slurp(path, &size);
    int count = 0, room = 1024;
    char **list = malloc(sizeof(char *) * room);
    for (size_t at = 0; at < size;) {
        uint32_t length;
        memcpy(&length, data + at, 4);
        if (count == room) list = realloc(list, sizeof(char *) * (room *= 2));
        char *frame = calloc(1, length + 64);
        memcpy(frame, data + at + 4, length);
        list[count++] = frame;
        at += 4 + length;
    }
    *out = list;
    return count;
}

static Side *new_side(int bids, int64_t best) {
    Side *side = calloc(1, sizeof(Side));
    side->bids = bids;
    side->origin = best - WINDOW / 2;
    return side;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* as the other contenders: time of others does not count */
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static void print_batches(const char *name, const double *best, int count) {
    printf("\"%s\": [", name);
    for (int i = 0; i < count; i++) printf("%s%.1f", i ? ", " : "", best[i]);
    printf("]");
}

int main(int argc, char **argv) {
    if (argc != 8) return 2;
    price_decimals = atoi(argv[4]);
    quantity_decimals = atoi(argv[5]);
    int batch = atoi(argv[6]), repeats = atoi(argv[7]);
    pow10i[0] = 1;
    for (int i = 1; i < 19; i++) pow10i[i] = pow10i[i - 1] * 10;
    char **depths, **quotes;
    int depth_count = frames(argv[1], &depths), quote_count = frames(argv[2], &quotes);
    size_t size;
    char *snapshot = slurp(argv[3], &size);
    int depth_batches = (depth_count + batch - 1) / batch, quote_batches = (quote_count + batch - 1) / batch;
    double *depth_best = malloc(sizeof(double) * (depth_batches + 1)), *quote_best = malloc(sizeof(double) * (quote_batches + 1));
    const char *unused;
    int64_t top = decimal(strstr(snapshot, "\"bids\":[[\"") + 10, price_decimals, &unused), bid = 0, ask = 0;
    for (int round = 0; round < repeats; round++) {
        Side *bids = new_side(1, top), *asks = new_side(0, top);
        const char *p = levels(strstr(snapshot, "\"bids\":[") + 8, bids);
        levels(strstr(p, "\"asks\":[") + 8, asks);
        for (int b = 0; b < depth_batches; b++) {
            int from = b * batch, to = from + batch < depth_count ? from + batch : depth_count;
            double start = now();
            for (int i = from; i < to; i++) depth(depths[i], bids, asks);
            double taken = (now() - start) / (to - from);
            if (!round || taken < depth_best[b]) depth_best[b] = taken;
        }
        bid = bids->best;
        ask = asks->best;
        for (int b = 0; b < quote_batches; b++) {
            int from = b * batch, to = from + batch < quote_count ? from + batch : quote_count;
            double start = now();
            for (int i = from; i < to; i++) quote(quotes[i]);
            double taken = (now() - start) / (to - from);
            if (!round || taken < quote_best[b]) quote_best[b] = taken;
        }
        free(bids->far); free(asks->far); free(bids); free(asks);
    }
    printf("{");
    print_batches("depth_ns", depth_best, depth_batches);
    printf(", ");
    print_batches("quote_ns", quote_best, quote_batches);
    printf(", \"bid_ticks\": %ld, \"ask_ticks\": %ld, \"sequence\": %ld}\n", (long)bid, (long)ask, (long)sequence);
    return 0;
}
