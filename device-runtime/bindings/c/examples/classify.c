/* Chooses a child for a latency budget, classifies a picture, and falls back to the next faster child.
 *
 *   classify BUNDLE PICTURE.pgm [MILLISECONDS [PROFILE]]
 *
 * Valid C11 and C++17. PROFILE is the file in which the times of this device are kept for the next start. */
#include <nestling.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints the reason of a failure; returns whether the call succeeded. */
static int succeeded(const char *action, nestling_status status) {
    char text[512];
    if (status == NESTLING_OK) return 1;
    nestling_last_error(text, sizeof text, NULL);
    fprintf(stderr, "%s: %s (%s)\n", action, text, nestling_status_name(status));
    return 0;
}

/* Reads a binary PGM of 8 bits into an image whose bytes are to be freed; returns whether it could. */
static int read_pgm(const char *path, nestling_image *image) {
    unsigned width = 0, height = 0;
    unsigned char *bytes = NULL;
    size_t length = 0;
    FILE *file = fopen(path, "rb");
    memset(image, 0, sizeof *image);
    if (file == NULL) return 0;
    if (fscanf(file, "P5 %u %u 255", &width, &height) == 2 && fgetc(file) != EOF && width <= 16384 && height <= 16384) {
        length = (size_t)width * height;
        bytes = (unsigned char *)malloc(length + 1);
        if (bytes != NULL && fread(bytes, 1, length, file) != length) length = 0;
    }
    fclose(file);
    image->width = width;
    image->height = height;
    image->format = NESTLING_FORMAT_GREY8;
    image->planes[0].bytes = bytes;
    image->planes[0].length = length;
    return bytes != NULL && length > 0;
}

static int classify(const nestling_runtime *runtime, const nestling_image *image) {
    nestling_guess best;
    nestling_answer answer;
    nestling_child child;
    char label[128];
    if (!succeeded("classify", nestling_classify(runtime, image, &best, 1, &answer))) return 0;
    if (!succeeded("label", nestling_get_label(runtime, best.class_index, label, sizeof label, NULL))) return 0;
    if (!succeeded("child", nestling_get_child(runtime, answer.child, &child))) return 0;
    printf("%s %.1f %% by `%s` in %.2f ms\n", label, 100 * best.score, child.name, answer.milliseconds);
    return 1;
}

static void show_progress(double fraction, void *user) {
    fprintf((FILE *)user, "\rmeasuring this device: %3.0f %%", 100 * fraction);
}

static int run(const nestling_runtime *runtime, const nestling_image *image, double limit, const char *profile) {
    bool measured = false;
    nestling_choice choice;
    double microseconds;
    if (!succeeded("profile", nestling_ensure_profile(runtime, profile, show_progress, stderr, &measured))) return 0;
    if (measured) fputc('\n', stderr);
    if (!succeeded("choose", nestling_choose(runtime, limit, NESTLING_P90, &choice))) return 0;
    printf("child %u keeps p90 %.2f ms\n", (unsigned)choice.child, choice.p90_ms);
    if (!classify(runtime, image)) return 0;
    if (choice.next_faster == NESTLING_NONE) return 1;
    if (!succeeded("switch", nestling_switch_to(runtime, choice.next_faster, &microseconds))) return 0;
    printf("switched to child %u in %.1f us\n", (unsigned)choice.next_faster, microseconds);
    return classify(runtime, image);
}

int main(int count, char **arguments) {
    nestling_runtime *runtime = NULL;
    nestling_image image;
    int done = 0;
    if (count < 3) {
        fprintf(stderr, "usage: %s BUNDLE PICTURE.pgm [MILLISECONDS [PROFILE]]\n", arguments[0]);
        return 2;
    }
    if (!read_pgm(arguments[2], &image)) {
        fprintf(stderr, "%s: not a binary PGM of 8 bits\n", arguments[2]);
    } else if (succeeded("open", nestling_open(arguments[1], NULL, &runtime))) {
        done = run(runtime, &image, count > 3 ? atof(arguments[3]) : 8, count > 4 ? arguments[4] : NULL);
    }
    nestling_free(runtime);
    free((void *)image.planes[0].bytes);
    return done ? 0 : 1;
}
