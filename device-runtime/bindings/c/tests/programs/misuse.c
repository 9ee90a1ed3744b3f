/* Every misuse that can be seen gives a status, and the right one.
 *
 *   misuse                 calls that need no GPU
 *   misuse BUNDLE PICTURE  and those with an open runtime; PICTURE is a PGM of 28 x 28 pixels */
#include <nestling.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int checks = 0;

#define EXPECT(expected, call) expect(expected, call, #call, __LINE__)
#define CHECK(condition) check((condition) ? 1 : 0, #condition, __LINE__)

static void check(int holds, const char *text, int line) {
    ++checks;
    if (holds) return;
    fprintf(stderr, "line %d: %s\n", line, text);
    exit(1);
}

static void expect(nestling_status expected, nestling_status given, const char *text, int line) {
    char reason[256];
    ++checks;
    if (given == expected) return;
    nestling_last_error(reason, sizeof reason, NULL);
    fprintf(stderr, "line %d: %s is %s, not %s: %s\n", line, text, nestling_status_name(given),
            nestling_status_name(expected), reason);
    exit(1);
}

/* A pointer into bytes that is not aligned to more than one. */
static unsigned char bytes_of_structs[4096];
#define ODD(type) ((type *)(void *)(bytes_of_structs + 1))

static void open_nothing(void) {
    nestling_runtime *runtime = ODD(nestling_runtime);
    nestling_options options;
    const unsigned char noise[64] = {1, 2, 3};
    EXPECT(NESTLING_NULL_POINTER, nestling_open("x", NULL, NULL));
    EXPECT(NESTLING_INVALID_ARGUMENT, nestling_open("x", NULL, ODD(nestling_runtime *)));
    EXPECT(NESTLING_NULL_POINTER, nestling_open(NULL, NULL, &runtime));
    CHECK(runtime == NULL);
    EXPECT(NESTLING_BUNDLE_OPEN, nestling_open("/no/such/bundle", NULL, &runtime));
    EXPECT(NESTLING_INVALID_ARGUMENT, nestling_open("x", ODD(nestling_options), &runtime));
    EXPECT(NESTLING_NULL_POINTER, nestling_open_bytes(NULL, 64, NULL, &runtime));
    EXPECT(NESTLING_NULL_POINTER, nestling_open_bytes(noise, 64, NULL, NULL));
    EXPECT(NESTLING_INVALID_ARGUMENT, nestling_open_bytes(noise, (size_t)-1, NULL, &runtime));
    EXPECT(NESTLING_BUNDLE_EMPTY, nestling_open_bytes(NULL, 0, NULL, &runtime));
    EXPECT(NESTLING_BUNDLE_NOT_A_BUNDLE, nestling_open_bytes(noise, sizeof noise, NULL, &runtime));
    memset(&options, 0, sizeof options);
    options.weight_storage = 9;
    EXPECT(NESTLING_INVALID_ARGUMENT, nestling_open("x", &options, &runtime));
    options.weight_storage = NESTLING_STORAGE_INT8;
    options.arithmetic = 9;
    EXPECT(NESTLING_INVALID_ARGUMENT, nestling_open("x", &options, &runtime));
    options.arithmetic = NESTLING_ARITHMETIC_F16;
    options.adapter = "\xff";
    EXPECT(NESTLING_NOT_UTF8, nestling_open("x", &options, &runtime));
    CHECK(runtime == NULL);
}

/* Every function with a handle that is none. */
static void use(const nestling_runtime *runtime, nestling_status expected) {
    nestling_facts facts;
    nestling_child child;
    nestling_choice choice;
    nestling_governor governor;
    nestling_guess guess;
    nestling_image image;
    char text[8];
    uint32_t index;
    memset(&image, 0, sizeof image);
    EXPECT(expected, nestling_get_facts(runtime, &facts));
    EXPECT(expected, nestling_get_adapter(runtime, text, sizeof text, NULL));
    EXPECT(expected, nestling_get_replaced(runtime, text, sizeof text, NULL));
    EXPECT(expected, nestling_get_label(runtime, 0, text, sizeof text, NULL));
    EXPECT(expected, nestling_get_child(runtime, 0, &child));
    EXPECT(expected, nestling_ensure_profile(runtime, NULL, NULL, NULL, NULL));
    EXPECT(expected, nestling_choose(runtime, 8, NESTLING_P90, &choice));
    EXPECT(expected, nestling_classify(runtime, &image, &guess, 1, NULL));
    EXPECT(expected, nestling_switch_to(runtime, 0, NULL));
    EXPECT(expected, nestling_get_active_child(runtime, &index));
    EXPECT(expected, nestling_govern(runtime, 8));
    EXPECT(expected, nestling_set_thermal_hint(runtime, NESTLING_THERMAL_FAIR));
    EXPECT(expected, nestling_get_governor(runtime, &governor));
}

static void use_no_handles(void) {
    int on_stack = 0;
    void *freed = malloc(64);
    uintptr_t number = (uintptr_t)freed;
    free(freed);
    use(NULL, NESTLING_NULL_POINTER);
    use((const nestling_runtime *)(const void *)&on_stack, NESTLING_BAD_HANDLE);
    use((const nestling_runtime *)number, NESTLING_BAD_HANDLE);
    use((const nestling_runtime *)(uintptr_t)12345677, NESTLING_BAD_HANDLE);
    EXPECT(NESTLING_OK, nestling_free(NULL));
    EXPECT(NESTLING_BAD_HANDLE, nestling_free((nestling_runtime *)(void *)&on_stack));
}

static void read_errors(void) {
    char text[256], whole[256];
    size_t length = 0;
    EXPECT(NESTLING_BAD_HANDLE, nestling_free((nestling_runtime *)(uintptr_t)2));
    EXPECT(NESTLING_OK, nestling_last_error(NULL, 0, &length));
    CHECK(length > 40 && length < sizeof whole);
    EXPECT(NESTLING_OK, nestling_last_error(whole, length + 1, NULL));
    CHECK(strlen(whole) == length && strstr(whole, "no runtime") != NULL);
    memset(text, 'x', sizeof text);
    EXPECT(NESTLING_BUFFER_TOO_SHORT, nestling_last_error(text, length, &length));
    CHECK(text[length - 1] == 0 && text[length] == 'x' && strncmp(text, whole, length - 1) == 0);
    EXPECT(NESTLING_BUFFER_TOO_SHORT, nestling_last_error(text, 1, NULL));
    CHECK(text[0] == 0 && text[1] == whole[1]);
    EXPECT(NESTLING_BUFFER_TOO_SHORT, nestling_last_error(text, 0, NULL));
    EXPECT(NESTLING_NULL_POINTER, nestling_last_error(NULL, 0, NULL));
    EXPECT(NESTLING_NULL_POINTER, nestling_last_error(NULL, 8, &length));
    EXPECT(NESTLING_INVALID_ARGUMENT, nestling_last_error(text, sizeof text, ODD(size_t)));
    EXPECT(NESTLING_INVALID_ARGUMENT, nestling_last_error(text, (size_t)-1, NULL));
    /* None of these failures has replaced the text. */
    EXPECT(NESTLING_OK, nestling_last_error(text, sizeof text, NULL));
    CHECK(strcmp(text, whole) == 0);
    CHECK(strcmp(nestling_status_name(NESTLING_BAD_HANDLE), "bad_handle") == 0);
    CHECK(strcmp(nestling_status_name(-1), "unknown") == 0 && strcmp(nestling_status_name(99999), "unknown") == 0);
    CHECK(nestling_thermal_hint_of_headroom(NAN) == NESTLING_THERMAL_UNKNOWN);
    CHECK(nestling_thermal_hint_of_headroom(0.9f) == NESTLING_THERMAL_SERIOUS);
    CHECK(nestling_thermal_hint_of_headroom(1e9f) == NESTLING_THERMAL_CRITICAL);
}

static unsigned char pixels[28 * 28];

static nestling_image grey(void) {
    nestling_image image;
    memset(&image, 0, sizeof image);
    image.width = image.height = 28;
    image.planes[0].bytes = pixels;
    image.planes[0].length = sizeof pixels;
    return image;
}

static void misuse_images(const nestling_runtime *runtime) {
    nestling_image image = grey();
    nestling_guess guesses[16];
    nestling_answer answer;
    EXPECT(NESTLING_OK, nestling_classify(runtime, &image, guesses, 16, &answer));
    CHECK(answer.count == 10 && guesses[0].score >= guesses[9].score && guesses[9].score >= 0);
    EXPECT(NESTLING_NULL_POINTER, nestling_classify(runtime, NULL, guesses, 1, NULL));
    EXPECT(NESTLING_INVALID_ARGUMENT, nestling_classify(runtime, ODD(nestling_image), guesses, 1, NULL));
    EXPECT(NESTLING_NULL_POINTER, nestling_classify(runtime, &image, NULL, 1, NULL));
    EXPECT(NESTLING_INVALID_ARGUMENT, nestling_classify(runtime, &image, ODD(nestling_guess), 1, NULL));
    EXPECT(NESTLING_INVALID_ARGUMENT, nestling_classify(runtime, &image, guesses, 0, NULL));
    EXPECT(NESTLING_INVALID_ARGUMENT, nestling_classify(runtime, &image, guesses, (size_t)-1, NULL));
    EXPECT(NESTLING_INVALID_ARGUMENT, nestling_classify(runtime, &image, guesses, 1, ODD(nestling_answer)));
    image.planes[0].length = sizeof pixels - 1;
    EXPECT(NESTLING_IMAGE_LENGTH, nestling_classify(runtime, &image, guesses, 1, NULL));
    image.planes[0].stride = 28;
    EXPECT(NESTLING_IMAGE_PLANE, nestling_classify(runtime, &image, guesses, 1, NULL));
    image.planes[0].stride = 27;
    EXPECT(NESTLING_IMAGE_STRIDE, nestling_classify(runtime, &image, guesses, 1, NULL));
    image.planes[0].bytes = NULL;
    EXPECT(NESTLING_NULL_POINTER, nestling_classify(runtime, &image, guesses, 1, NULL));
    image = grey();
    image.width = 0;
    EXPECT(NESTLING_IMAGE_SIZE, nestling_classify(runtime, &image, guesses, 1, NULL));
    image.width = 0xffffffff;
    EXPECT(NESTLING_IMAGE_SIZE, nestling_classify(runtime, &image, guesses, 1, NULL));
    image.format = NESTLING_FORMAT_YUV_420_888;
    image.pixel_stride = 0xffffffff;
    EXPECT(NESTLING_IMAGE_SIZE, nestling_classify(runtime, &image, guesses, 1, NULL));
    image = grey();
    image.orientation = 9;
    EXPECT(NESTLING_IMAGE_EXIF_ORIENTATION, nestling_classify(runtime, &image, guesses, 1, NULL));
    image.orientation = 0x10001;
    EXPECT(NESTLING_IMAGE_EXIF_ORIENTATION, nestling_classify(runtime, &image, guesses, 1, NULL));
    image = grey();
    image.format = 99;
    EXPECT(NESTLING_INVALID_ARGUMENT, nestling_classify(runtime, &image, guesses, 1, NULL));
    image.format = NESTLING_FORMAT_YUV_420_888;
    image.planes[1] = image.planes[2] = image.planes[0];
    EXPECT(NESTLING_IMAGE_PIXEL_STRIDE, nestling_classify(runtime, &image, guesses, 1, NULL));
    image.pixel_stride = 1;
    image.matrix = 7;
    EXPECT(NESTLING_INVALID_ARGUMENT, nestling_classify(runtime, &image, guesses, 1, NULL));
    image.matrix = NESTLING_MATRIX_BT709;
    image.range = 7;
    EXPECT(NESTLING_INVALID_ARGUMENT, nestling_classify(runtime, &image, guesses, 1, NULL));
    image.range = NESTLING_RANGE_LIMITED;
    EXPECT(NESTLING_OK, nestling_classify(runtime, &image, guesses, 1, NULL));
}

static void misuse_runtime(const nestling_runtime *runtime) {
    nestling_facts facts;
    nestling_choice choice;
    nestling_governor governor;
    char label[4] = {0};
    size_t length = 0;
    EXPECT(NESTLING_NULL_POINTER, nestling_get_facts(runtime, NULL));
    EXPECT(NESTLING_INVALID_ARGUMENT, nestling_get_facts(runtime, ODD(nestling_facts)));
    EXPECT(NESTLING_OK, nestling_get_facts(runtime, &facts));
    CHECK(facts.classes == 10 && facts.children > 1 && !facts.has_profile);
    EXPECT(NESTLING_INVALID_ARGUMENT, nestling_get_label(runtime, facts.classes, label, sizeof label, NULL));
    EXPECT(NESTLING_BUFFER_TOO_SHORT, nestling_get_label(runtime, 9, label, sizeof label, &length));
    CHECK(length == strlen("ankle boot") && strcmp(label, "ank") == 0);
    EXPECT(NESTLING_NULL_POINTER, nestling_get_adapter(runtime, NULL, 0, NULL));
    EXPECT(NESTLING_NULL_POINTER, nestling_get_replaced(runtime, NULL, 0, NULL));
    EXPECT(NESTLING_NULL_POINTER, nestling_get_child(runtime, 0, NULL));
    EXPECT(NESTLING_INVALID_ARGUMENT, nestling_get_child(runtime, facts.children, ODD(nestling_child)));
    EXPECT(NESTLING_INVALID_ARGUMENT, nestling_switch_to(runtime, facts.children, NULL));
    EXPECT(NESTLING_INVALID_ARGUMENT, nestling_switch_to(runtime, NESTLING_NONE, NULL));
    EXPECT(NESTLING_NULL_POINTER, nestling_get_active_child(runtime, NULL));
    EXPECT(NESTLING_NULL_POINTER, nestling_choose(runtime, 8, NESTLING_P90, NULL));
    EXPECT(NESTLING_INVALID_ARGUMENT, nestling_choose(runtime, 8, 91, &choice));
    EXPECT(NESTLING_INVALID_BUDGET, nestling_choose(runtime, 0, NESTLING_P90, &choice));
    EXPECT(NESTLING_INVALID_BUDGET, nestling_choose(runtime, NAN, NESTLING_P90, &choice));
    EXPECT(NESTLING_INVALID_BUDGET, nestling_govern(runtime, -1));
    EXPECT(NESTLING_INVALID_ARGUMENT, nestling_set_thermal_hint(runtime, 5));
    EXPECT(NESTLING_NOT_GOVERNED, nestling_get_governor(runtime, &governor));
}

static int read_picture(const char *path) {
    FILE *file = fopen(path, "rb");
    int read = file != NULL && fseek(file, -(long)sizeof pixels, SEEK_END) == 0 &&
               fread(pixels, 1, sizeof pixels, file) == sizeof pixels;
    if (file != NULL) fclose(file);
    return read;
}

int main(int count, char **arguments) {
    nestling_runtime *runtime = NULL;
    nestling_runtime *second = NULL;
    open_nothing();
    use_no_handles();
    read_errors();
    if (count > 2) {
        CHECK(read_picture(arguments[2]));
        EXPECT(NESTLING_OK, nestling_open(arguments[1], NULL, &runtime));
        misuse_images(runtime);
        misuse_runtime(runtime);
        EXPECT(NESTLING_OK, nestling_free(runtime));
        EXPECT(NESTLING_BAD_HANDLE, nestling_free(runtime));
        use(runtime, NESTLING_BAD_HANDLE);
        /* A new runtime never takes the place of a freed one. */
        EXPECT(NESTLING_OK, nestling_open(arguments[1], NULL, &second));
        CHECK(second != runtime);
        use(runtime, NESTLING_BAD_HANDLE);
        EXPECT(NESTLING_BAD_HANDLE, nestling_free(runtime));
        EXPECT(NESTLING_OK, nestling_free(second));
    }
    printf("%d checks\n", checks);
    return 0;
}
