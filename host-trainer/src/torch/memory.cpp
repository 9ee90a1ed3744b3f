// The peak of a CUDA device's memory. tch offers none; libtorch has it behind an interface of libc10, so that this file
// links without CUDA.

#include <c10/core/CachingDeviceAllocator.h>

#include <cstdint>

namespace {
// Throws if CUDA was not loaded.
c10::DeviceAllocator* allocator() {
  auto* found = dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(c10::DeviceType::CUDA));
  return found && found->initialized() ? found : nullptr;
}
}  // namespace

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
