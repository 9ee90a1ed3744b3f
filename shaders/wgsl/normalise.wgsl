// The epilogue over sums that were kept, one pixel of one group of channels a thread. Calibration runs it where the
// statistics were not known when the sums were made.

@compute @workgroup_size(WORKGROUP)
fn normalise(@builtin(global_invocation_id) thread: vec3<u32>) {
    let pixels = layer.output_width * layer.output_height;
    if thread.x >= pixels {
        return;
    }
    let group = thread.y;
    let index = group * pixels + thread.x;
    let norm = layer.norm_offset + 2u * group;
    epilogue(source[index], norms[norm], norms[norm + 1u], index);
}
