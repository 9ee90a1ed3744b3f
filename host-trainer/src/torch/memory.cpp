// The peak of the memory of tensors. tch offers none. libtorch has that of a CUDA device behind an interface of libc10, so
// that this file links without CUDA; on the processor it reports each allocation.

#include <c10/core/Allocator.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <cstdint>
#include <memory>

namespace {
// Throws if CUDA was not loaded.
c10::DeviceAllocator* allocator() {
  auto* found = dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(c10::DeviceType::CUDA));
  return found && found->initialized() ? found : nullptr;
}

// libtorch tells it of the tensors that a thread makes and frees on the processor.
struct Counter final : c10::MemoryReportingInfoBase {
  int64_t now = 0, peak = 0;
  bool memoryProfilingEnabled() const override { return true; }
  void reportMemoryUsage(void*, int64_t bytes, size_t, size_t, c10::Device) override {
    now += bytes;
    peak = std::max(peak, now);
  }
};

thread_local std::shared_ptr<Counter> counter;
}  // namespace

// Forgets the peak of this thread's tensors on the processor; the first call begins to count them.
extern "C" void nestling_reset_host_bytes() {
  if (!counter) {
    counter = std::make_shared<Counter>();
    c10::ThreadLocalDebugInfo::_push(c10::DebugInfoKind::PROFILER_STATE, counter);
  }
  counter->peak = counter->now;
}

// The most bytes at once since the last reset, or -1 if nothing is counted.
extern "C" int64_t nestling_peak_host_bytes() { return counter ? counter->peak : -1; }

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
