// The shared weights as 16-bit floats, two to a word. Unpacking is core WGSL: no adapter needs to offer
// 16-bit floats in the arithmetic.

@group(0) @binding(1) var<storage, read> weights: array<vec2<u32>>;

fn weight(index: u32) -> vec4<f32> {
    let words = weights[index];
    return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
}
