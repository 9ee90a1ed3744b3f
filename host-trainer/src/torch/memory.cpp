// The peak of the memory of tensors. tch offers none. libtorch has that of a CUDA device behind an interface of libc10, so
// that this file links without CUDA; on the processor an allocator of this file counts.

#include <c10/core/CPUAllocator.h>
#include <c10/core/CachingDeviceAllocator.h>

#include <atomic>
#include <cstdint>

namespace {
// Throws if CUDA was not loaded.
c10::DeviceAllocator* allocator() {
  auto* found = dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(c10::DeviceType::CUDA));
  return found && found->initialized() ? found : nullptr;
}

// libtorch's own allocator, which counts.
class Counting final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    auto data = inner_->allocate(bytes);
    auto total = now_.fetch_add(int64_t(bytes)) + int64_t(bytes);
    for (auto peak = peak_.load(); peak < total && !peak_.compare_exchange_weak(peak, total);) {
    }
    void* pointer = data.get();
    auto device = data.device();
    return {pointer, new Held{this, std::move(data), int64_t(bytes)}, &release, device};
  }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
  int64_t peak() const { return peak_.load(); }
  void reset() { peak_.store(now_.load()); }

 private:
  struct Held {
    Counting* counting;
    c10::DataPtr data;
    int64_t bytes;
  };
  static void release(void* pointer) {
    auto* held = static_cast<Held*>(pointer);
    held->counting->now_.fetch_sub(held->bytes);
    delete held;
  }
  c10::Allocator* inner_ = c10::GetCPUAllocator();
  std::atomic<int64_t> now_{0}, peak_{0};
};

// Never freed: tensors may outlive everything.
Counting& counting() {
  static auto* allocator = new Counting;
  return *allocator;
}
}  // namespace

// Counts the tensors of the processor from now on.
extern "C" void nestling_count_host_bytes() { c10::SetCPUAllocator(&counting(), 100); }

// The most bytes at once of the tensors that were counted since the last reset.
extern "C" int64_t nestling_peak_host_bytes() { return counting().peak(); }

extern "C" void nestling_reset_host_bytes() { counting().reset(); }

// Bytes, or -1 where there is no such device. No exception may reach Rust.
extern "C" int64_t nestling_peak_bytes(int64_t device) {
  try {
    auto* cuda = allocator();
    if (!cuda) return -1;
    auto all_pools = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    return cuda->getDeviceStats(static_cast<c10::DeviceIndex>(device)).allocated_bytes[all_pools].peak;
  } catch (...) {
    return -1;
  }
}

extern "C" bool nestling_reset_peak_bytes(int64_t device) {
  try {
    auto* cuda = allocator();
    if (cuda) cuda->resetPeakStats(static_cast<c10::DeviceIndex>(device));
    return cuda != nullptr;
  } catch (...) {
    return false;
  }
}
