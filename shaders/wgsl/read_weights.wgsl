// Writes weights as every other kernel reads them, one element a thread: for the self-test of a storage.

@compute @workgroup_size(WORKGROUP)
fn read_weights(@builtin(global_invocation_id) thread: vec3<u32>) {
    if thread.x < layer.output_groups {
        destination[thread.x] = weight(thread.x);
    }
}
