// Two operations whose gradients are Nestling's own (depthwise.rs, norm.rs). Autograd takes such an operation only as a
// C++ class, and tch offers none: this file is those classes and holds no arithmetic.

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>

extern "C" {
struct NestlingDepthwiseShape {
  size_t images, channels, height, width, output_height, output_width, kernel, stride, padding;
};
void nestling_depthwise_weight_gradient(const NestlingDepthwiseShape*, const float* input, const float* output_gradient,
                                        float* gradient);

struct NestlingNorm {
  size_t elements, channels;
  uint32_t activation;
  float epsilon;
  const float* input;
  float* state;  // four rows of `channels`
};
void nestling_norm_forward(const NestlingNorm*, const float* gamma, const float* beta, const float* residual,
                           float* output);
void nestling_norm_backward(const NestlingNorm*, const float* output_gradient, float* gradient, float* gamma_gradient,
                            float* beta_gradient);
}

namespace {
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr auto kLast = at::MemoryFormat::ChannelsLast;

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
    auto input = saved[0].contiguous(kLast);
    auto weight = saved[1];
    auto outer = gradients[0].contiguous(kLast);
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

struct Norm : torch::autograd::Function<Norm> {
  static at::Tensor forward(AutogradContext* context, at::Tensor input, at::Tensor gamma, at::Tensor beta,
                            std::optional<at::Tensor> residual, int64_t activation, double epsilon) {
    input = input.contiguous(kLast);
    if (residual) residual = residual->contiguous(kLast);
    auto output = at::empty_like(input, input.options(), kLast);
    auto state = at::empty({4, input.size(1)}, input.options());
    NestlingNorm norm{size_t(input.numel()),   size_t(input.size(1)),    uint32_t(activation), float(epsilon),
                      input.data_ptr<float>(), state.data_ptr<float>()};
    nestling_norm_forward(&norm, gamma.contiguous().data_ptr<float>(), beta.contiguous().data_ptr<float>(),
                          residual ? residual->data_ptr<float>() : nullptr, output.data_ptr<float>());
    context->save_for_backward({input, state});
    context->saved_data["activation"] = activation;
    context->saved_data["residual"] = residual.has_value();
    return output;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    auto saved = context->get_saved_variables();
    auto input = saved[0], state = saved[1];
    auto outer = gradients[0].contiguous(kLast);
    auto gradient = at::empty_like(input, input.options(), kLast);
    auto gamma = at::empty({input.size(1)}, input.options());
    auto beta = at::empty({input.size(1)}, input.options());
    NestlingNorm norm{size_t(input.numel()),
                      size_t(input.size(1)),
                      uint32_t(context->saved_data["activation"].toInt()),
                      0.0f,
                      input.data_ptr<float>(),
                      state.data_ptr<float>()};
    nestling_norm_backward(&norm, outer.data_ptr<float>(), gradient.data_ptr<float>(), gamma.data_ptr<float>(),
                           beta.data_ptr<float>());
    at::Tensor residual = context->saved_data["residual"].toBool() ? outer : at::Tensor();
    return {gradient, gamma, beta, residual, at::Tensor(), at::Tensor()};
  }
};

// Runs `make` and returns its tensor on the heap, or null with the reason in `message`: no exception may reach Rust.
template <typename Make>
void* guarded(char* message, size_t length, Make make) {
  try {
    return new at::Tensor(make());
  } catch (const std::exception& error) {
    std::snprintf(message, length, "%s", error.what());
    return nullptr;
  }
}

const at::Tensor& tensor(const void* pointer) { return *static_cast<const at::Tensor*>(pointer); }
}  // namespace

// All tensors are f32 on the CPU; `residual` may be null.
extern "C" void* nestling_depthwise(const void* input, const void* weight, int64_t stride, int64_t padding, char* message,
                                    size_t length) {
  return guarded(message, length, [&] { return Depthwise::apply(tensor(input), tensor(weight), stride, padding); });
}

extern "C" void* nestling_norm(const void* input, const void* gamma, const void* beta, const void* residual,
                               int64_t activation, double epsilon, char* message, size_t length) {
  return guarded(message, length, [&] {
    auto added = residual ? std::optional<at::Tensor>(tensor(residual)) : std::nullopt;
    return Norm::apply(tensor(input), tensor(gamma), tensor(beta), added, activation, epsilon);
  });
}
