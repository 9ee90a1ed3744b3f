/* Classifies raw RGBA frames and prints the scores of all classes: `cargo xtask bindings` compares them with Rust's.
 *
 *   parity BUNDLE FRAMES WIDTH HEIGHT
 *
 * Prints one JSON line for each frame, and last the time of the cheapest call, and of a classification above the time of the
 * library's work in it. The first frame is answered by the active child, all others by the one with the most multiply-adds. */
#define _POSIX_C_SOURCE 199309L
#include <nestling.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CALLS 2000
#define ROUNDS 5
#define CLASSIFICATIONS 65
#define MOST_CLASSES 1000

/* Prints the reason of a failure; returns whether the call succeeded. */
static int succeeded(const char *action, nestling_status status) {
    char text[512];
    if (status == NESTLING_OK) return 1;
    nestling_last_error(text, sizeof text, NULL);
    fprintf(stderr, "%s: %s (%s)\n", action, text, nestling_status_name(status));
    return 0;
}

/* Prints the score of each class in the order of the labels. */
static int answer(const nestling_runtime *runtime, nestling_image *image, const unsigned char *bytes) {
    static nestling_guess guesses[MOST_CLASSES];
    static double scores[MOST_CLASSES];
    nestling_answer answer;
    size_t index;
    image->planes[0].bytes = bytes;
    if (!succeeded("classify", nestling_classify(runtime, image, guesses, MOST_CLASSES, &answer))) return 0;
    for (index = 0; index < answer.count; ++index) scores[guesses[index].class_index] = guesses[index].score;
    printf("{\"scores\": [");
    for (index = 0; index < answer.count; ++index) printf("%s%.17g", index == 0 ? "" : ", ", scores[index]);
    printf("]}\n");
    return fflush(stdout) == 0;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int by_size(const void *one, const void *other) {
    const double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

/* The median of the microseconds of a classification that are not the library's. */
static int time_classifications(const nestling_runtime *runtime, const nestling_image *image, double *median) {
    double above[CLASSIFICATIONS], start;
    nestling_answer answer;
    nestling_guess guess;
    int turn;
    for (turn = 0; turn < CLASSIFICATIONS; ++turn) {
        start = seconds();
        if (!succeeded("classify", nestling_classify(runtime, image, &guess, 1, &answer))) return 0;
        above[turn] = (seconds() - start) * 1e6 - answer.milliseconds * 1e3;
    }
    qsort(above, CLASSIFICATIONS, sizeof above[0], by_size);
    *median = above[CLASSIFICATIONS / 2];
    return 1;
}

static int time_calls(const nestling_runtime *runtime, const nestling_image *image) {
    uint32_t active = 0;
    int call, turn;
    double start, took, classify = 0, least = 0;
    /* The fastest round counts, because other programs slow the others down. */
    for (turn = 0; turn < ROUNDS; ++turn) {
        start = seconds();
        for (call = 0; call < CALLS; ++call) {
            if (!succeeded("active", nestling_get_active_child(runtime, &active))) return 0;
        }
        took = (seconds() - start) * 1e6 / CALLS;
        if (turn == 0 || took < least) least = took;
    }
    if (!time_classifications(runtime, image, &classify)) return 0;
    printf("{\"call\": \"nestling_get_active_child\", \"call_overhead_us\": %.6f, \"classify_overhead_us\": %.6f}\n", least,
           classify);
    return 1;
}

static int run(const char *bundle, FILE *file, nestling_image *image) {
    nestling_runtime *runtime = NULL;
    nestling_facts facts;
    size_t length = (size_t)4 * image->width * image->height;
    unsigned char *bytes = (unsigned char *)malloc(length);
    int count = 0;
    int done = bytes != NULL && succeeded("open", nestling_open(bundle, NULL, &runtime)) &&
               succeeded("facts", nestling_get_facts(runtime, &facts));
    image->planes[0].length = length;
    while (done && fread(bytes, 1, length, file) == length) {
        done = answer(runtime, image, bytes);
        if (done && count++ == 0) done = succeeded("switch", nestling_switch_to(runtime, facts.children - 1, NULL));
    }
    done = done && count > 0 && time_calls(runtime, image);
    nestling_free(runtime);
    free(bytes);
    return done;
}

int main(int count, char **arguments) {
    nestling_image image;
    FILE *file;
    int done;
    if (count != 5) {
        fprintf(stderr, "usage: %s BUNDLE FRAMES WIDTH HEIGHT\n", arguments[0]);
        return 2;
    }
    memset(&image, 0, sizeof image);
    image.width = (uint32_t)strtoul(arguments[3], NULL, 10);
    image.height = (uint32_t)strtoul(arguments[4], NULL, 10);
    image.format = NESTLING_FORMAT_RGBA8;
    file = fopen(arguments[2], "rb");
    if (file == NULL) {
        perror(arguments[2]);
        return 1;
    }
    done = run(arguments[1], file, &image);
    fclose(file);
    return done ? 0 : 1;
}
