//! An experiment: expand (1x1) and depthwise convolution in one kernel, against the two dispatches that the planner makes.
//! Nothing ships of it; `docs/performance.md` says why. Times:
//! `cargo test -p nestling --lib engine::tests::fused -- --ignored --nocapture`.

use super::kernels::{packed_activation, unpacked_activation};
use super::speed::cpu_ms;
use super::*;
use crate::engine::arena::{Arena, Route, Sizes, activation_bytes};
use crate::engine::pipelines::{Common, Pipelines};
use crate::engine::planner::{LayerPlan, activation_number};
use crate::engine::prepare::Dispatch;
use crate::engine::repack::pack;
use crate::gpu::{Staging, Upload, Wait};
use crate::reference::{close, convolve};
use crate::space::{Activation, Convolution, Layer, LayerShape, Operator, Parameter, Role, Shape};
use bytemuck::{Pod, Zeroable};
use nestling_shaders::LayerParameters;
use std::fmt::{self, Write};
use std::time::Instant;

/// Lanes of a workgroup: one SIMD vector of a software adapter.
const LANES: u32 = 8;

/// How the work is dealt out. Both keep the expanded values in registers; workgroup memory is slower on software.
#[derive(Clone, Copy, Debug)]
enum Design {
    /// As the depthwise kernel: a lane has a strip of columns that slides down its rows, for some groups of channels. Each
    /// row is expanded when the strip comes to it; lanes share weights.
    Strip { columns: u32, rows: u32, groups: u32 },
    /// A lane has one group of channels, for a rectangle of outputs: everything that they touch is expanded first. Lanes
    /// share the input; along an axis that the rectangle covers, there is no halo.
    Window { columns: u32, rows: u32 },
}

impl fmt::Display for Design {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Strip { columns, rows, groups } => write!(f, "strip {columns}x{rows}x{}", 4 * groups),
            Self::Window { columns, rows } => write!(f, "window {columns}x{rows}"),
        }
    }
}

/// Expand and depthwise convolution of a block, as slices of larger ones.
#[derive(Clone, Copy, Debug)]
struct Block {
    side: (u32, u32),
    inputs: u32,
    expanded: u32,
    kernel: u32,
    stride: u32,
    /// Channels of four and kernel size that the supernet has more.
    more: (u32, u32, u32),
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Parameters {
    input_width: u32,
    input_height: u32,
    input_groups: u32,
    output_width: u32,
    output_height: u32,
    groups: u32,
    expand_weight: u32,
    expand_stride: u32,
    expand_norm: u32,
    filter_weight: u32,
    filter_stride: u32,
    filter_kernel: u32,
    filter_norm: u32,
    padding: u32,
    unused: [u32; 2],
}

const SHARED: &str = "
struct Block {
    input_width: u32,
    input_height: u32,
    input_groups: u32,
    output_width: u32,
    output_height: u32,
    groups: u32,
    expand_weight: u32,
    expand_stride: u32,
    expand_norm: u32,
    filter_weight: u32,
    filter_stride: u32,
    filter_kernel: u32,
    filter_norm: u32,
    padding: u32,
}

@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> norms: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> destination: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> block: Block;

fn activate(x: vec4<f32>) -> vec4<f32> { return clamp(x, vec4<f32>(0.0), vec4<f32>(6.0)); }
";

impl Block {
    const fn new(side: u32, inputs: u32, expanded: u32, kernel: u32, stride: u32) -> Self {
        Self { side: (side, side), inputs, expanded, kernel, stride, more: (0, 0, 0) }
    }

    fn shapes(&self) -> [Shape; 3] {
        let (width, height) = self.side;
        let input = Shape { channels: self.inputs, height, width };
        let expanded = Shape { channels: self.expanded, ..input };
        let (height, width) = (height.div_ceil(self.stride), width.div_ceil(self.stride));
        [input, expanded, Shape { height, width, ..expanded }]
    }

    fn padding(&self) -> u32 {
        (self.kernel - 1) / 2
    }

    fn layers(&self) -> [Layer; 2] {
        let [input, expanded, output] = self.shapes();
        let activation = Activation::Relu6;
        let layer = |index: usize, shape: LayerShape, padding: u32| Layer {
            name: format!("{:?}", shape.operator),
            shape,
            padding,
            convolution: Some(index),
            norm_epsilon: Some(1e-3),
            input: None,
            gate: None,
            residual: None,
        };
        let expand = LayerShape {
            operator: Operator::Pointwise,
            kernel: 1,
            stride: 1,
            activation,
            residual: false,
            gated: false,
            input,
            output: expanded,
        };
        let (operator, kernel, stride) = (Operator::Depthwise, self.kernel, self.stride);
        let filter = LayerShape { operator, kernel, stride, input: expanded, output, ..expand };
        [layer(0, expand, 0), layer(1, filter, self.padding())]
    }

    fn layout(&self) -> ParameterLayout {
        let mut layout = ParameterLayout { convolutions: Vec::new(), parameters: Vec::new() };
        let (inputs, outputs) = (self.inputs + 4 * self.more.0, self.expanded + 4 * self.more.1);
        let mut offset = 0;
        for (operator, inputs, kernel) in
            [(Operator::Pointwise, inputs, 1), (Operator::Depthwise, outputs, self.kernel + self.more.2)]
        {
            let weight = layout.parameters.len();
            let columns = if operator == Operator::Depthwise { 1 } else { inputs };
            for (role, shape) in [
                (Role::Weight, vec![outputs, columns, kernel, kernel]),
                (Role::Gamma, vec![outputs]),
                (Role::Beta, vec![outputs]),
            ] {
                let parameter = Parameter { name: format!("{operator:?} {role:?}"), role, shape, offset };
                offset += parameter.len();
                layout.parameters.push(parameter);
            }
            layout.convolutions.push(Convolution {
                name: format!("{operator:?}"),
                operator,
                kernel,
                inputs,
                outputs,
                weight,
                scale_or_bias: weight + 1,
                shift: Some(weight + 2),
                closes_skip: false,
            });
        }
        layout
    }
}

impl Design {
    fn workgroups(self, block: &Block) -> [u32; 3] {
        let [.., output] = block.shapes();
        let groups = output.channels.div_ceil(4);
        let tiles = |columns: u32, rows: u32| output.width.div_ceil(columns) * output.height.div_ceil(rows);
        match self {
            Self::Strip { columns, rows, groups: own } => {
                [tiles(columns, rows).div_ceil(LANES), groups.div_ceil(own), 1]
            }
            Self::Window { columns, rows } => [groups.div_ceil(LANES), tiles(columns, rows), 1],
        }
    }

    /// Rows and columns of the rectangle that a window expands, and how far the first tap lies before it.
    fn window(columns: u32, output: u32, input: u32, block: &Block) -> (u32, u32) {
        if columns >= output { (input, block.padding()) } else { ((columns - 1) * block.stride + block.kernel, 0) }
    }

    /// Expanded values that are computed, of one that is needed.
    fn recomputed(self, block: &Block) -> f64 {
        let [input, _, output] = block.shapes();
        let computed = match self {
            Self::Strip { columns, rows, .. } => {
                let tiles = output.width.div_ceil(columns) * output.height.div_ceil(rows);
                let steps = rows + (block.kernel - 1) / block.stride;
                tiles * steps * block.stride.min(block.kernel) * ((columns - 1) * block.stride + block.kernel)
            }
            Self::Window { columns, rows } => {
                let (wide, _) = Self::window(columns, output.width, input.width, block);
                let (high, _) = Self::window(rows, output.height, input.height, block);
                output.width.div_ceil(columns) * output.height.div_ceil(rows) * wide * high
            }
        };
        f64::from(computed) / f64::from(input.pixels())
    }

    /// Loads and stores of four values, a lane each, for one group of expanded channels.
    fn accesses(self, block: &Block, broadcast: bool) -> f64 {
        let [input, _, output] = block.shapes();
        let inputs = f64::from(input.channels.div_ceil(4));
        let taps = f64::from(block.kernel * block.kernel);
        let expanded = self.recomputed(block) * f64::from(input.pixels());
        let loads = match self {
            Self::Strip { columns, rows, groups } => {
                let tiles = f64::from(output.width.div_ceil(columns) * output.height.div_ceil(rows));
                let line = f64::from((columns - 1) * block.stride + block.kernel);
                let weights = if broadcast { groups.div_ceil(2) } else { 4 * groups };
                expanded / line * inputs * (line + f64::from(weights)) / f64::from(groups) + tiles * taps
            }
            Self::Window { columns, rows } => {
                let tiles = f64::from(output.width.div_ceil(columns) * output.height.div_ceil(rows));
                let shared = if broadcast { (expanded / tiles / f64::from(LANES)).ceil() } else { expanded / tiles };
                tiles * (inputs * (shared + 4.0) + taps)
            }
        };
        loads + f64::from(output.pixels())
    }

    fn wgsl(self, block: &Block, broadcast: bool) -> String {
        let weights = include_str!("../../../../shaders/wgsl/weights_f32.wgsl");
        let lane = if broadcast { ", @builtin(subgroup_invocation_id) subgroup_lane: u32" } else { "" };
        let body = match self {
            Self::Strip { columns, rows, groups } => strip(columns, rows, groups, block, broadcast),
            Self::Window { columns, rows } => window(columns, rows, block, broadcast),
        };
        format!(
            "{weights}{SHARED}
@compute @workgroup_size({LANES})
fn fused(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32{lane}) {{
    let input_pixels = block.input_width * block.input_height;
    let crop = (block.filter_kernel - {kernel}u) / 2u;
    let last_column = i32(block.input_width) - 1;
    let last_row = i32(block.input_height) - 1;
    let last_group = block.groups - 1u;
{body}}}
",
            kernel = block.kernel,
        )
    }
}

/// The taps and norms of group `own`, a WGSL expression, as `tap..`, `expand_scale..` and so on.
fn constants(body: &mut String, suffix: &str, own: &str, kernel: u32) {
    let _ = writeln!(body, "let own{suffix} = {own};");
    let _ = writeln!(
        body,
        "let centre{suffix} = block.filter_weight + own{suffix} * block.filter_stride + crop * block.filter_kernel + crop;"
    );
    for (y, x) in square(kernel) {
        let _ = writeln!(body, "let tap{suffix}_{y}_{x} = weight(centre{suffix} + {y}u * block.filter_kernel + {x}u);");
    }
    for layer in ["expand", "filter"] {
        for (index, name) in ["scale", "shift"].iter().enumerate() {
            let _ =
                writeln!(body, "let {layer}_{name}{suffix} = norms[block.{layer}_norm + 2u * own{suffix} + {index}u];");
        }
    }
}

fn strip(columns: u32, rows: u32, groups: u32, block: &Block, broadcast: bool) -> String {
    let Block { kernel, stride, .. } = *block;
    let last_age = (kernel - 1) / stride;
    let line = (columns - 1) * stride + kernel;
    let mut body = format!(
        "let across = (block.output_width + {columns}u - 1u) / {columns}u;
let strips = across * ((block.output_height + {rows}u - 1u) / {rows}u);
// Lanes past the end work on the last strip and write nothing; they stay, for their lanes hold weights.
let strip = min(workgroup.x * {LANES}u + lane, strips - 1u);
let column = strip % across * {columns}u;
let row = strip / across * {rows}u;
let left = i32(column * {stride}u) - i32(block.padding);
let top = i32(row * {stride}u) - i32(block.padding);
let group = workgroup.y * {groups}u;
"
    );
    let text = &mut body;
    for g in 0..groups {
        constants(text, &g.to_string(), &format!("min(group + {g}u, last_group)"), kernel);
    }
    for x in 0..line {
        let _ = writeln!(text, "let read{x} = u32(clamp(left + {x}, 0, last_column));");
    }
    for g in 0..groups {
        for (age, c) in (0..=last_age).flat_map(|age| (0..columns).map(move |c| (age, c))) {
            let _ = writeln!(text, "var sum{g}_{age}_{c} = vec4<f32>();");
        }
    }
    let _ = writeln!(text, "for (var step = 0u; step < {}u; step++) {{", rows + last_age);
    for s in 0..stride.min(kernel) {
        let _ = writeln!(text, "{{\nlet input_row = top + i32(step * {stride}u + {s}u);");
        let _ = writeln!(text, "var start = u32(clamp(input_row, 0, last_row)) * block.input_width;");
        for g in 0..groups {
            for x in 0..line {
                let _ = writeln!(text, "var line{g}_{x} = vec4<f32>();");
            }
        }
        if broadcast {
            text.push_str("let slot = subgroup_lane & 7u;\n");
            for pair in 0..groups.div_ceil(2) {
                let own = format!("min(group + (slot >> 2u) + {}u, last_group)", 2 * pair);
                let column = format!("block.expand_weight + (slot & 3u) + {own} * block.expand_stride");
                let _ = writeln!(text, "var column{pair} = {column};");
            }
        } else {
            for g in 0..groups {
                let _ = writeln!(text, "var column{g} = block.expand_weight + own{g} * block.expand_stride;");
            }
        }
        text.push_str("for (var i = 0u; i < block.input_groups; i++) {\n");
        for x in 0..line {
            let _ = writeln!(text, "let x{x} = source[start + read{x}];");
        }
        text.push_str("start += input_pixels;\n");
        if broadcast {
            for pair in 0..groups.div_ceil(2) {
                let _ = writeln!(text, "let held{pair} = weight(column{pair});\ncolumn{pair} += 4u;");
            }
        }
        for g in 0..groups {
            let column = |c: u32| match broadcast {
                true => format!("subgroupBroadcast(held{}, {}u)", g / 2, 4 * (g % 2) + c),
                false => format!("weight(column{g} + {c}u)"),
            };
            let _ = writeln!(text, "let w{g} = mat4x4<f32>({});", [0, 1, 2, 3].map(column).join(", "));
            if !broadcast {
                let _ = writeln!(text, "column{g} += 4u;");
            }
            for x in 0..line {
                let _ = writeln!(text, "line{g}_{x} += w{g} * x{x};");
            }
        }
        text.push_str("}\nlet inside = input_row >= 0 && input_row <= last_row;\n");
        for g in 0..groups {
            for x in 0..line {
                // The depthwise convolution's zeros are of expanded values, so that a shift must not show there.
                let _ = writeln!(
                    text,
                    "line{g}_{x} = select(vec4<f32>(), activate(line{g}_{x} * expand_scale{g} + expand_shift{g}), \
                     inside && left + {x} >= 0 && left + {x} <= last_column);"
                );
            }
            for age in 0..=last_age {
                let y = age * stride + s;
                for x in (0..kernel).filter(|_| y < kernel) {
                    for c in 0..columns {
                        let _ = writeln!(text, "sum{g}_{age}_{c} += tap{g}_{y}_{x} * line{g}_{};", c * stride + x);
                    }
                }
            }
        }
        text.push_str("}\n");
    }
    let _ = writeln!(text, "let output_row = row + step - {last_age}u;");
    let _ = writeln!(
        text,
        "if step >= {last_age}u && output_row < block.output_height && workgroup.x * {LANES}u + lane < strips {{"
    );
    for g in 0..groups {
        let _ = writeln!(text, "if group + {g}u <= last_group {{");
        let _ = writeln!(text, "let to = (own{g} * block.output_height + output_row) * block.output_width + column;");
        for c in 0..columns {
            let value = format!("activate(sum{g}_{last_age}_{c} * filter_scale{g} + filter_shift{g})");
            let _ = writeln!(text, "if column + {c}u < block.output_width {{ destination[to + {c}u] = {value}; }}");
        }
        text.push_str("}\n");
    }
    text.push_str("}\n");
    for g in 0..groups {
        for c in 0..columns {
            for age in (1..=last_age).rev() {
                let _ = writeln!(text, "sum{g}_{age}_{c} = sum{g}_{}_{c};", age - 1);
            }
            let _ = writeln!(text, "sum{g}_0_{c} = vec4<f32>();");
        }
    }
    text.push_str("}\n");
    body
}

fn window(columns: u32, rows: u32, block: &Block, broadcast: bool) -> String {
    let Block { kernel, stride, .. } = *block;
    let [input, _, output] = block.shapes();
    let (wide, before_column) = Design::window(columns, output.width, input.width, block);
    let (high, before_row) = Design::window(rows, output.height, input.height, block);
    let mut body = format!(
        "let across = (block.output_width + {columns}u - 1u) / {columns}u;
let column = workgroup.y % across * {columns}u;
let row = workgroup.y / across * {rows}u;
let left = i32(column * {stride}u) - i32(block.padding) + {before_column};
let top = i32(row * {stride}u) - i32(block.padding) + {before_row};
let group = workgroup.x * {LANES}u + lane;
"
    );
    let text = &mut body;
    // Lanes past the end work on the last group and write nothing; they stay, for their lanes hold pixels.
    constants(text, "", "min(group, last_group)", kernel);
    let pixels = wide * high;
    let address = |x: &str, y: &str| {
        format!("u32(clamp(top + {y}, 0, last_row)) * block.input_width + u32(clamp(left + {x}, 0, last_column))")
    };
    if broadcast {
        text.push_str("let slot = subgroup_lane & 7u;\n");
        for load in 0..pixels.div_ceil(LANES) {
            let _ = writeln!(text, "let pixel{load} = min(slot + {}u, {}u);", load * LANES, pixels - 1);
            let at = address(&format!("i32(pixel{load} % {wide}u)"), &format!("i32(pixel{load} / {wide}u)"));
            let _ = writeln!(text, "let read{load} = {at};");
        }
    } else {
        for (y, x) in (0..high).flat_map(|y| (0..wide).map(move |x| (y, x))) {
            let _ = writeln!(text, "let read{} = {};", y * wide + x, address(&x.to_string(), &y.to_string()));
        }
    }
    for pixel in 0..pixels {
        let _ = writeln!(text, "var e{pixel} = vec4<f32>();");
    }
    text.push_str(
        "var start = 0u;
var column_of = block.expand_weight + own * block.expand_stride;
for (var i = 0u; i < block.input_groups; i++) {
let w = mat4x4<f32>(weight(column_of), weight(column_of + 1u), weight(column_of + 2u), weight(column_of + 3u));
column_of += 4u;
",
    );
    for pixel in 0..pixels {
        if broadcast && pixel % LANES == 0 {
            let _ = writeln!(text, "let held{0} = source[start + read{0}];", pixel / LANES);
        }
        let value = if broadcast {
            format!("subgroupBroadcast(held{}, {}u)", pixel / LANES, pixel % LANES)
        } else {
            format!("source[start + read{pixel}]")
        };
        let _ = writeln!(text, "e{pixel} += w * {value};");
    }
    text.push_str("start += input_pixels;\n}\n");
    for (y, x) in (0..high).flat_map(|y| (0..wide).map(move |x| (y, x))) {
        let e = format!("e{}", y * wide + x);
        let value = format!("activate({e} * expand_scale + expand_shift)");
        let mut inside = Vec::new();
        if columns < output.width {
            inside.push(format!("left + {x} >= 0 && left + {x} <= last_column"));
        }
        if rows < output.height {
            inside.push(format!("top + {y} >= 0 && top + {y} <= last_row"));
        }
        let value =
            if inside.is_empty() { value } else { format!("select(vec4<f32>(), {value}, {})", inside.join(" && ")) };
        let _ = writeln!(text, "{e} = {value};");
    }
    text.push_str("let to = (group * block.output_height + row) * block.output_width + column;\n");
    for (r, c) in (0..rows.min(output.height)).flat_map(|r| (0..columns.min(output.width)).map(move |c| (r, c))) {
        let _ = writeln!(text, "{{\nvar sum = vec4<f32>();");
        for (y, x) in square(kernel) {
            let (row, column) = (r * stride + y, c * stride + x);
            if (before_row..before_row + high).contains(&row) && (before_column..before_column + wide).contains(&column)
            {
                let pixel = (row - before_row) * wide + column - before_column;
                let _ = writeln!(text, "sum += tap_{y}_{x} * e{pixel};");
            }
        }
        let _ = writeln!(
            text,
            "if group <= last_group && row + {r}u < block.output_height && column + {c}u < block.output_width {{\n\
             destination[to + {r}u * block.output_width + {c}u] = activate(sum * filter_scale + filter_shift);\n}}\n}}"
        );
    }
    body
}

fn square(side: u32) -> impl Iterator<Item = (u32, u32)> {
    (0..side).flat_map(move |y| (0..side).map(move |x| (y, x)))
}

/// A block on an adapter: buffers with weights and an input, the two dispatches of the planner and any fused ones.
struct Bench {
    context: &'static Context,
    block: Block,
    arena: Arena,
    layout: wgpu::PipelineLayout,
    plans: [LayerPlan; 2],
    unfused: [Dispatch; 2],
    expected: Vec<f64>,
}

impl Bench {
    fn new(context: &'static Context, block: Block, seed: u64) -> Self {
        let mut random = random(seed);
        let (layout, layers) = (block.layout(), block.layers());
        let [input, expanded, output] = block.shapes();
        let mut values = random_tensor(layout.len(), &mut random);
        let spread = (6.0 / block.inputs as f32).sqrt();
        values[layout.parameters[0].range()].iter_mut().for_each(|weight| *weight *= spread);
        let tensor = random_tensor(input.len(), &mut random);
        let shared = SharedWeights { layout: &layout, values: &values };
        let mut expected: Vec<f64> = tensor.iter().map(|&value| f64::from(value)).collect();
        let mut norms: Vec<[f32; 4]> = Vec::new();
        let mut norm_offsets = Vec::new();
        for layer in &layers {
            let channels = block.expanded as usize;
            let means = random_tensor(channels, &mut random);
            let variances: Vec<f32> = (0..channels).map(|_| random.random_range(0.25..4.0)).collect();
            let folded = shared.fold(layer, &means, &variances);
            expected = convolve(layer, &shared, &expected);
            close(layer, &folded, &mut expected, None);
            norm_offsets.push(norms.len() as u32);
            for group in folded.chunks(4) {
                let of = |lane: usize| group.get(lane).copied().unwrap_or((0.0, 0.0));
                norms.push(std::array::from_fn(|lane| of(lane).0 as f32));
                norms.push(std::array::from_fn(|lane| of(lane).1 as f32));
            }
        }
        let packed = pack(&layout, &values, WeightStorage::F32).unwrap();

        let groups = |shape: Shape| shape.channels.div_ceil(4);
        let of_layer = |index: usize, layer: &Layer| {
            let (from, to) = (layer.shape.input, layer.shape.output);
            LayerParameters {
                input_width: from.width,
                input_height: from.height,
                input_groups: groups(from),
                output_width: to.width,
                output_height: to.height,
                output_groups: groups(to),
                weight_offset: packed.convolutions[index].offset,
                weight_stride: packed.convolutions[index].stride,
                weight_kernel: layout.convolutions[index].kernel,
                norm_offset: norm_offsets[index],
                padding: layer.padding,
                how: LayerParameters::how(
                    layer.shape.stride,
                    activation_number(layer.shape.activation),
                    false,
                    false,
                    index == 1,
                ),
                kernel: layer.shape.kernel,
                ..LayerParameters::default()
            }
        };
        let fused = Parameters {
            input_width: input.width,
            input_height: input.height,
            input_groups: groups(input),
            output_width: output.width,
            output_height: output.height,
            groups: groups(output),
            expand_weight: packed.convolutions[0].offset,
            expand_stride: packed.convolutions[0].stride,
            expand_norm: norm_offsets[0],
            filter_weight: packed.convolutions[1].offset,
            filter_stride: packed.convolutions[1].stride,
            filter_kernel: layout.convolutions[1].kernel,
            filter_norm: norm_offsets[1],
            padding: block.padding(),
            unused: [0; 2],
        };
        let mut parameters = vec![0; 1024];
        for (index, layer) in layers.iter().enumerate() {
            let own = of_layer(index, layer);
            parameters[256 * index..256 * index + size_of_val(&own)].copy_from_slice(bytemuck::bytes_of(&own));
        }
        parameters[512..512 + size_of_val(&fused)].copy_from_slice(bytemuck::bytes_of(&fused));

        let common = Common::new(context, WeightStorage::F32);
        let bytes = |shape: Shape| activation_bytes(shape.channels, shape.pixels());
        let sizes = Sizes {
            image: 4,
            block: bytes(input),
            expanded: bytes(expanded),
            filtered: bytes(output),
            weights: packed.values.bytes().len() as u64,
            norms: norms.len() as u64 * 16,
            parameters: parameters.len() as u64,
            ..Sizes::default()
        };
        let arena = Arena::new(context, &common.groups, &sizes);
        for (buffer, bytes) in [
            (&arena.block, bytemuck::cast_slice(&packed_activation(&tensor, input))),
            (&arena.weights, packed.values.bytes()),
            (&arena.norms, bytemuck::cast_slice(&norms)),
            (&arena.parameters, &parameters[..]),
        ] {
            context.upload(Upload::Parameters, buffer, 0, bytes);
        }
        let planner = Planner::new(
            &SearchSpace { activation: Activation::Relu6, ..SearchSpace::fashion() },
            traits(Vendor::Software, context.facts().subgroups),
        );
        let plans = [&layers[0], &layers[1]].map(|layer| planner.plan(&layer.shape).unwrap());
        let mut pipelines = Pipelines::new(&common);
        let mut index = 0;
        let unfused = plans.map(|plan| {
            let pipeline = pollster::block_on(pipelines.add(context, plan.kernel, plan.specialisation)).unwrap();
            let route = [Route::BlockToExpanded, Route::ExpandedToFiltered][index];
            index += 1;
            let (pipeline, parameters) = (pipeline.clone(), 256 * (index as u32 - 1));
            Dispatch { pipeline, route, parameters, workgroups: plan.workgroups }
        });
        Self { context, block, arena, layout: common.layout, plans, unfused, expected }
    }

    fn fuse(&self, design: Design) -> Dispatch {
        let wgsl = design.wgsl(&self.block, self.context.facts().subgroups);
        let (pipeline, verdict) = self.context.guarded(&design.to_string(), || {
            let module = self.context.shader("fused", &wgsl);
            self.context.pipeline("fused", &self.layout, &module)
        });
        pollster::block_on(verdict).unwrap();
        let workgroups = design.workgroups(&self.block);
        let dispatch = Dispatch { pipeline, route: Route::BlockToFiltered, parameters: 512, workgroups };
        // lavapipe compiles at the first dispatch, and some of these for longer than a context waits.
        let submission = self.context.submit(self.encode(std::slice::from_ref(&dispatch), 1));
        assert!((0..8).any(|_| self.context.wait("compiling", submission.clone()).is_ok()), "{design}");
        dispatch
    }

    fn encode(&self, dispatches: &[Dispatch], times: u32) -> wgpu::CommandEncoder {
        let mut commands = self.context.encoder();
        {
            let mut pass = commands.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            for dispatch in (0..times).flat_map(|_| dispatches) {
                pass.set_pipeline(&dispatch.pipeline);
                pass.set_bind_group(0, self.arena.bind_group(dispatch.route), &[dispatch.parameters]);
                pass.dispatch_workgroups(dispatch.workgroups[0], dispatch.workgroups[1], dispatch.workgroups[2]);
            }
        }
        commands
    }

    /// Runs over a poisoned destination and compares with the reference.
    fn check(&self, dispatches: &[Dispatch]) -> f64 {
        let output = self.block.shapes()[2];
        let bytes = activation_bytes(output.channels, output.pixels());
        let poison = vec![f32::NAN; bytes as usize / 4];
        self.context.upload(Upload::Parameters, &self.arena.filtered, 0, bytemuck::cast_slice(&poison));
        let lease = Staging::new(self.context, 1, bytes).try_take().unwrap();
        let mut commands = self.encode(dispatches, 1);
        commands.copy_buffer_to_buffer(&self.arena.filtered, 0, lease.buffer(), 0, bytes);
        let submission = self.context.submit(commands);
        let read = lease.read(self.context, "a fused block", submission, bytes, Wait::Blocking);
        let values: Vec<[f32; 4]> = bytemuck::pod_collect_to_vec(&pollster::block_on(read).unwrap());
        relative_error(&unpacked_activation(&values, output), &self.expected)
    }

    fn cpu_ms(&self, dispatches: &[Dispatch], times: u32) -> f64 {
        let before = cpu_ms();
        let submission = self.context.submit(self.encode(dispatches, times));
        self.context.wait("timing", submission).unwrap();
        (cpu_ms() - before) / f64::from(times)
    }
}

#[test]
fn a_fused_block_is_right() {
    let blocks = [
        Block { side: (11, 7), inputs: 12, expanded: 20, kernel: 3, stride: 2, more: (1, 2, 2) },
        Block { side: (5, 3), inputs: 20, expanded: 36, kernel: 3, stride: 1, more: (2, 0, 0) },
    ];
    // Few and small, for compilers take long over them. A window of 5 columns covers the smaller image.
    let designs = [Design::Strip { columns: 2, rows: 3, groups: 2 }, Design::Window { columns: 5, rows: 2 }];
    for (context, block) in blocks.iter().flat_map(|block| [(&*CONTEXT, block), (&*PLAIN_CONTEXT, block)]) {
        let bench = Bench::new(context, *block, 5);
        for design in designs {
            let error = bench.check(&[bench.fuse(design)]);
            assert!(error < 1e-5, "{design} is {error:e} off: {block:?}");
        }
    }
}

/// Loads and stores of four values, a lane each, of both dispatches, for one group of expanded channels.
fn unfused_accesses(plans: &[LayerPlan; 2], block: &Block) -> f64 {
    let [input, _, output] = block.shapes();
    let pixels = f64::from(input.pixels());
    let expand = &plans[0].specialisation;
    let (tile, rows) = (expand.tile, plans[1].specialisation.rows);
    let weights = if expand.broadcast { tile.groups.div_ceil(2) } else { 4 * tile.groups };
    let step = f64::from(tile.pixels + weights) / f64::from(tile.pixels * tile.groups);
    let strips = output.width.div_ceil(4) * output.height.div_ceil(rows);
    let line = 3 * block.stride + block.kernel;
    let lines = output.height.div_ceil(rows) * (block.kernel - block.stride.min(block.kernel)) + input.height;
    let loads = output.width.div_ceil(4) * lines * line + strips * block.kernel * block.kernel;
    pixels * (f64::from(input.channels.div_ceil(4)) * step + 1.0) + f64::from(loads) + f64::from(output.pixels())
}

/// What was tried on a shape.
fn candidates() -> Vec<(Block, Vec<Design>)> {
    let strip = |columns, rows, groups| Design::Strip { columns, rows, groups };
    let window = |columns, rows| Design::Window { columns, rows };
    vec![
        (Block::new(96, 16, 96, 3, 2), vec![strip(4, 16, 4), window(4, 4), window(8, 4)]),
        (Block::new(48, 24, 144, 3, 1), vec![strip(4, 16, 4), strip(8, 16, 4), window(8, 8), window(16, 4)]),
        (Block::new(24, 40, 240, 5, 1), vec![strip(4, 12, 4), window(8, 8), window(24, 2), window(12, 6)]),
        (Block::new(12, 80, 480, 3, 1), vec![strip(4, 6, 4), window(12, 4), window(12, 12)]),
        (Block::new(6, 192, 1152, 5, 1), vec![strip(3, 2, 4), window(6, 3), window(6, 6)]),
    ]
}

#[test]
#[ignore = "prints times; asserts nothing but that the fused kernels are right"]
fn table() {
    let only = std::env::var("NESTLING_FUSED").ok();
    for (context, name) in [(&*CONTEXT, "all features"), (&*PLAIN_CONTEXT, "no subgroups, no timestamps")] {
        println!("\n{} ({name})", context.facts());
        for (index, (block, designs)) in candidates().into_iter().enumerate() {
            if only.as_ref().is_some_and(|only| !only.contains(&index.to_string())) {
                continue;
            }
            let bench = Bench::new(context, block, 6);
            // What of a window's gain is not due to fusing: the expand convolution alone, dealt out as the last window.
            let alone = Bench::new(context, Block { kernel: 1, stride: 1, ..block }, 6);
            let mut as_window = Vec::new();
            if let Some(&Design::Window { columns, rows }) = designs.last() {
                let design = Design::Window { columns: columns * block.stride, rows: rows * block.stride };
                as_window.push(alone.fuse(design));
                assert!(alone.check(&as_window) < 1e-5);
            }
            let mut rows: Vec<(String, f64, f64, Vec<Dispatch>)> = vec![
                ("expand alone".into(), 1.0, 0.0, bench.unfused[..1].to_vec()),
                ("two dispatches".into(), 1.0, unfused_accesses(&bench.plans, &block), bench.unfused.to_vec()),
            ];
            for design in designs {
                let before = Instant::now();
                let fused = vec![bench.fuse(design)];
                let error = bench.check(&fused);
                assert!(error < 1e-5, "{design} is {error:e} off: {block:?}");
                let name = format!("{design} ({:.1} s to compile)", before.elapsed().as_secs_f64());
                let accesses = design.accesses(&block, context.facts().subgroups);
                rows.push((name, design.recomputed(&block), accesses, fused));
            }
            assert!(bench.check(&bench.unfused) < 1e-5);
            // The clock ticks in hundredths of a second: enough runs for thirty of them.
            let times = (300.0 / bench.cpu_ms(&bench.unfused, 20).max(0.2)).ceil() as u32;
            let mut found = vec![Vec::new(); rows.len()];
            // In turns, so that a busy machine slows all of them.
            let mut windows = Vec::new();
            for _ in 0..5 {
                for ((.., dispatches), found) in rows.iter().zip(&mut found) {
                    found.push(bench.cpu_ms(dispatches, times));
                }
                windows.push(alone.cpu_ms(&as_window, times));
            }
            windows.sort_by(f64::total_cmp);
            found.iter_mut().for_each(|times| times.sort_by(f64::total_cmp));
            let (side, kernel, stride) = (block.side.0, block.kernel, block.stride);
            println!("  {side}x{side} {} -> {} k{kernel} s{stride}", block.inputs, block.expanded);
            println!("    expand alone as the last window: CPU p50 {:.3} ms", windows[windows.len() / 2]);
            let groups = f64::from(block.expanded.div_ceil(4));
            for ((name, recomputed, accesses, _), own) in rows.iter().zip(&found) {
                println!(
                    "    {name:<36} expand x{recomputed:.2}, {:>7.3} M accesses, CPU p50 {:>7.3} ms, min {:>7.3}, {:.2} of two",
                    accesses * groups * 1e-6,
                    own[own.len() / 2],
                    own[0],
                    own[own.len() / 2] / found[1][found[1].len() / 2],
                );
            }
        }
    }
}

#[test]
#[ignore = "prints counts; asserts nothing"]
fn counts() {
    let space = SearchSpace::table1_without_squeeze();
    for (child, side) in [(space.smallest(), 192), (space.biggest(), 320)] {
        println!("{side} px: one block that keeps its size in each stage");
        let network = space.lower(&child).unwrap();
        let mut last = None;
        for pair in network.layers.windows(2) {
            let (expand, filter) = (&pair[0].shape, &pair[1].shape);
            let depthwise = filter.operator == Operator::Depthwise;
            if expand.operator != Operator::Pointwise || !depthwise || expand.output.channels == expand.input.channels {
                continue;
            }
            let key = (expand.input, filter.kernel, filter.stride);
            if last.replace(key) == Some(key) {
                continue;
            }
            let block = Block::new(
                expand.input.width,
                expand.input.channels,
                expand.output.channels,
                filter.kernel,
                filter.stride,
            );
            let square = |side: u32| Design::Window { columns: side, rows: side }.recomputed(&block);
            let bytes = |shape: Shape| f64::from(shape.len() as u32) * 4e-6;
            println!(
                "  {:>3} px {:>3} -> {:>4} k{} s{}: kept off memory {:>6.2} of {:>6.2} MB; expand {:>5.1} M, depthwise {:>4.1} M \
                 MAdds; expand in 4x4 windows x{:.2}, 8x8 x{:.2}, weights read {}, {} times",
                block.side.0,
                block.inputs,
                block.expanded,
                block.kernel,
                block.stride,
                2.0 * bytes(expand.output),
                2.0 * bytes(expand.output) + bytes(expand.input) + bytes(filter.output),
                expand.madds() as f64 * 1e-6,
                filter.madds() as f64 * 1e-6,
                square(4),
                square(8),
                filter.output.width.div_ceil(4).pow(2),
                filter.output.width.div_ceil(8).pow(2),
            );
        }
    }
}
