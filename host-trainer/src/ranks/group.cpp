// c10d, PyTorch's own engine for several processes: its key-value store and its Gloo group, for Rust. tch offers neither.

#define USE_C10D_GLOO 1
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <c10/util/Flags.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

C10_DECLARE_int(caffe2_log_level);

namespace {
using std::chrono::milliseconds;

struct Store {
  c10::intrusive_ptr<c10d::TCPStore> server;
  c10::intrusive_ptr<c10d::Store> store;
};

struct Group {
  c10::intrusive_ptr<c10d::Backend> gloo;
};

// Runs `work` and returns its value, or `none` with the reason in `message`: no exception may reach Rust.
template <typename T, typename Work>
T guarded(char* message, size_t length, T none, Work work) {
  try {
    return work();
  } catch (const std::exception& error) {
    std::snprintf(message, length, "%s", error.what());
    return none;
  }
}

// As PyTorch: the interface that the variable names, else the one of this host's name. A group on one host needs no name.
std::shared_ptr<::gloo::transport::Device> device(const std::string& host) {
  if (const char* interface = std::getenv("GLOO_SOCKET_IFNAME"); interface && *interface) {
    return c10d::ProcessGroupGloo::createDeviceForInterface(interface);
  }
  if (host == "127.0.0.1" || host == "localhost" || host == "::1") {
    return c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1");
  }
  return c10d::ProcessGroupGloo::createDefaultDevice();
}
}  // namespace

extern "C" {
// Joins the store at a host and port; serves it if `serves`. A served port of 0 becomes a free one.
void* nestling_store_open(const char* host, uint16_t port, bool serves, int64_t timeout_ms, char* message,
                          size_t length) {
  return guarded(message, length, static_cast<Store*>(nullptr), [&] {
    // Every fault becomes an error of this library: c10d's own lines would say it a second time.
    FLAGS_caffe2_log_level = 3;
    c10d::TCPStoreOptions options;
    options.port = port;
    options.isServer = serves;
    options.waitWorkers = false;
    options.timeout = milliseconds(timeout_ms);
    auto server = c10::make_intrusive<c10d::TCPStore>(std::string(host), options);
    return new Store{server, c10::make_intrusive<c10d::PrefixStore>("nestling", server)};
  });
}

uint16_t nestling_store_port(const void* store) { return static_cast<const Store*>(store)->server->getPort(); }

bool nestling_store_set(const void* store, const char* key, const uint8_t* value, size_t bytes, char* message,
                        size_t length) {
  return guarded(message, length, false, [&] {
    static_cast<const Store*>(store)->store->set(key, std::vector<uint8_t>(value, value + bytes));
    return true;
  });
}

// 1 if the key is there, 0 if not, -1 on a fault.
int32_t nestling_store_has(const void* store, const char* key, char* message, size_t length) {
  return guarded(message, length, -1,
                 [&] { return static_cast<const Store*>(store)->store->check({std::string(key)}) ? 1 : 0; });
}

// The bytes of a value that is there, of which at most `room` are copied to `value`; -1 on a fault.
int64_t nestling_store_get(const void* store, const char* key, uint8_t* value, size_t room, char* message,
                           size_t length) {
  return guarded(message, length, int64_t(-1), [&] {
    auto found = static_cast<const Store*>(store)->store->get(key);
    std::copy_n(found.begin(), std::min(room, found.size()), value);
    return int64_t(found.size());
  });
}

void nestling_store_close(void* store) { delete static_cast<Store*>(store); }

// The Gloo group of all ranks of a store.
void* nestling_group_join(const void* store, const char* host, int32_t rank, int32_t ranks, int64_t timeout_ms,
                          char* message, size_t length) {
  return guarded(message, length, static_cast<Group*>(nullptr), [&] {
    auto options = c10d::ProcessGroupGloo::Options::create(milliseconds(timeout_ms));
    options->devices.push_back(device(host));
    options->threads = 1;
    auto common = static_cast<const Store*>(store)->store;
    return new Group{c10::make_intrusive<c10d::ProcessGroupGloo>(common, rank, ranks, options)};
  });
}

// Adds the tensor of every rank to that of every other, in place.
bool nestling_group_sum(const void* group, const void* tensor, char* message, size_t length) {
  return guarded(message, length, false, [&] {
    std::vector<at::Tensor> tensors{*static_cast<const at::Tensor*>(tensor)};
    return static_cast<const Group*>(group)->gloo->allreduce(tensors)->wait();
  });
}

// Copies the tensor of the rank `from` into that of every other.
bool nestling_group_copy(const void* group, const void* tensor, int32_t from, char* message, size_t length) {
  return guarded(message, length, false, [&] {
    std::vector<at::Tensor> tensors{*static_cast<const at::Tensor*>(tensor)};
    c10d::BroadcastOptions options;
    options.rootRank = from;
    return static_cast<const Group*>(group)->gloo->broadcast(tensors, options)->wait();
  });
}

void nestling_group_leave(void* group) { delete static_cast<Group*>(group); }
}
