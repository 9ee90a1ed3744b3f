/* The rest of an app around the functions of docs/c.md: a made-up camera frame, and limits that every machine keeps. */
int main(int count, char **arguments) {
    static uint8_t luma[48 * 32], chroma[2][48 * 16];
    const double limit = 1e6;
    const char *profile = "profile.json";
    nestling_runtime *runtime = count > 1 ? open_bundle(arguments[1], NULL) : NULL;
    nestling_plane planes[3];
    nestling_choice choice;
    int done;
    size_t index;
    if (runtime == NULL) return 1;
    for (index = 0; index < sizeof luma; ++index) luma[index] = (uint8_t)(index * 37 % 251);
    memset(chroma, 128, sizeof chroma);
    planes[0] = plane(luma, sizeof luma, 48);
    planes[1] = plane(chroma[0], sizeof chroma[0], 48);
    planes[2] = plane(chroma[1], sizeof chroma[1], 48);
    done = measure(runtime, profile) && choose(runtime, limit, &choice) && classify(runtime, 48, 32, planes, 2) &&
           go_faster(runtime, &choice) && hold(runtime, limit, 0.9f) && classify(runtime, 48, 32, planes, 2);
    close_bundle(runtime, profile);
    if (done) printf("done\n");
    return done ? 0 : 1;
}
