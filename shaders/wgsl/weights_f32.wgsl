// The shared weights as they were trained.

@group(0) @binding(1) var<storage, read> weights: array<vec4<f32>>;

fn weight(index: u32) -> vec4<f32> {
    return weights[index];
}
