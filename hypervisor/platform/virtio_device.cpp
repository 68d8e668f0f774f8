// The start of a device, step by step.
#include "platform/virtio_device.hpp"

namespace antler::platform {

namespace status = abi::virtio::status;
namespace feature = abi::virtio::feature;

Result<u64> VirtioDevice::negotiate(u64 wanted) {
    reset();
    transport_->set_status(status::acknowledge);
    transport_->set_status(status::acknowledge | status::driver);
    auto const offered = transport_->device_features();
    // Who is asked to heed what stands between him and memory does not work otherwise.           [virtio 6.1]
    features_ = offered & (wanted | feature::version_1 | feature::event_index | feature::access_platform);
    if (!has(feature::version_1)) return Err{Error::not_supported};
    transport_->set_driver_features(features_);
    transport_->set_status(status::acknowledge | status::driver | status::features_ok);
    if ((transport_->status() & status::features_ok) == 0) return Err{Error::not_supported};
    return features_;
}

u16 VirtioDevice::queue_entries(u16 index, u16 most) {
    auto const offered = transport_->queue_most(index);
    auto const limit = offered < most ? offered : most;
    u16 entries = limit == 0 ? 0 : 1;
    while (entries * 2u <= limit) entries = static_cast<u16>(entries * 2);
    return entries;
}

Result<void> VirtioDevice::open_queue(u16 index, DriverQueue& queue, std::span<u8> memory, u16 entries) {
    if (entries == 0 || entries > transport_->queue_most(index)) return Err{Error::not_supported};
    if (memory.size() < DriverQueue::memory_bytes(entries)) return Err{Error::no_memory};
    queue.open(memory, entries, has(feature::event_index));
    transport_->enable_queue(index, queue.place());
    return {};
}

void VirtioDevice::start() {
    transport_->set_status(status::acknowledge | status::driver | status::features_ok | status::driver_ok);
}

void VirtioDevice::reset() {
    // A device takes its time; one that never ends is found by whoever asks it next.   [virtio 2.4]
    constexpr u32 patience = 1'000'000;
    transport_->set_status(0);
    for (u32 i = 0; i < patience && transport_->status() != 0; ++i) {
    }
}

u64 VirtioDevice::config64(u32 offset) const {
    constexpr int tries = 100;
    u64 value = 0;
    for (int i = 0; i < tries; ++i) {
        auto const before = transport_->config_generation();
        value = u64{transport_->config(offset + 4, 4)} << 32 | transport_->config(offset, 4);
        if (transport_->config_generation() == before) break;
    }
    return value;
}

}  // namespace antler::platform
