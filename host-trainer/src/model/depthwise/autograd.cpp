// A depthwise convolution whose weight gradient is Nestling's own (gradient.rs). Autograd takes an operation with a
// gradient of its own only as a C++ class, and tch offers none: this file is that class and nothing else.

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cstddef>
#include <cstdio>

extern "C" {
struct NestlingDepthwiseShape {
  size_t images, channels, height, width, output_height, output_width, kernel, stride, padding;
};
void nestling_depthwise_weight_gradient(const NestlingDepthwiseShape*, const float* input, const float* output_gradient,
                                        float* gradient);
}

namespace {
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Depthwise : torch::autograd::Function<Depthwise> {
  static at::Tensor forward(AutogradContext* context, at::Tensor input, at::Tensor weight, int64_t stride,
                            int64_t padding) {
    context->save_for_backward({input, weight});
    context->saved_data["stride"] = stride;
    context->saved_data["padding"] = padding;
    return at::conv2d(input, weight, {}, stride, padding, 1, input.size(1));
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    auto saved = context->get_saved_variables();
    auto input = saved[0].contiguous(at::MemoryFormat::ChannelsLast);
    auto weight = saved[1];
    auto outer = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    int64_t stride = context->saved_data["stride"].toInt();
    int64_t padding = context->saved_data["padding"].toInt();
    at::Tensor input_gradient;
    if (context->needs_input_grad(0)) {
      input_gradient = std::get<0>(at::convolution_backward(outer, input, weight, at::OptionalIntArrayRef(),
                                                            {stride, stride}, {padding, padding}, {1, 1}, false, {0, 0},
                                                            input.size(1), {true, false, false}));
    }
    auto weight_gradient = at::empty(weight.sizes(), weight.options());
    NestlingDepthwiseShape shape{size_t(input.size(0)),  size_t(input.size(1)), size_t(input.size(2)),
                                 size_t(input.size(3)),  size_t(outer.size(2)), size_t(outer.size(3)),
                                 size_t(weight.size(2)), size_t(stride),        size_t(padding)};
    nestling_depthwise_weight_gradient(&shape, input.data_ptr<float>(), outer.data_ptr<float>(),
                                       weight_gradient.data_ptr<float>());
    return {input_gradient, weight_gradient, at::Tensor(), at::Tensor()};
  }
};
}  // namespace

// Both tensors are f32 on the CPU. Returns a new tensor, or null with the reason in `message`.
extern "C" void* nestling_depthwise(const void* input, const void* weight, int64_t stride, int64_t padding, char* message,
                                    size_t message_length) {
  try {
    return new at::Tensor(Depthwise::apply(*static_cast<const at::Tensor*>(input),
                                           *static_cast<const at::Tensor*>(weight), stride, padding));
  } catch (const std::exception& error) {
    std::snprintf(message, message_length, "%s", error.what());
    return nullptr;
  }
}
