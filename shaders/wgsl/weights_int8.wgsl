// The shared weights as 8-bit integers, four to a word. What one step is worth is in the norms: a scale multiplies
// every output channel anyway.
//
// By shifts, which are exact everywhere: WGSL lets unpack4x8snorm, which divides by 127, be off by three units in the
// last place, and unpack4xI8 is no core WGSL.

@group(0) @binding(1) var<storage, read> weights: array<u32>;

fn weight(index: u32) -> vec4<f32> {
    let word = vec4<i32>(bitcast<i32>(weights[index]));
    // To the top, and back down with the sign.
    return vec4<f32>((word << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u));
}
