// All queues of a device, which are opened, published and closed together.
#pragma once

#include <array>
#include <span>

#include "device/virtio/model.hpp"
#include "device/virtio/queue.hpp"

namespace antler::device::virtio {

template <GuestMemory M, usize Most>
class QueueSet {
public:
    [[nodiscard]] Queue<M>& operator[](u32 index) { return queues_[index]; }
    [[nodiscard]] static constexpr u32 size() { return Most; }
    // Between open() and close().
    [[nodiscard]] bool is_open() const { return open_; }

    // Those that the driver has set up.
    void open(M& memory, Transport& transport, u64 features, std::span<RingPlace const> places) {
        transport_ = &transport;
        open_ = true;
        for (usize i = 0; i < places.size(); ++i) {
            if (places[i].size == 0) continue;
            queues_[i].open(memory, places[i], features);
            static_cast<void>(queues_[i].listen());
        }
    }
    void close() {
        for (auto& queue : queues_) queue.reset();
        open_ = false;
    }

    // The next chain; if there is none, the driver will say when there is.
    [[nodiscard]] bool next(u32 index, Chain& chain) {
        auto& queue = queues_[index];
        return queue.pop(chain) || (queue.is_open() && !queue.listen() && queue.pop(chain));
    }

    // The driver hears of what was used.  False: a queue is broken, so the device has stopped.
    [[nodiscard]] bool publish(Model& device) {
        bool broken = false;
        for (u32 i = 0; i < Most; ++i) {
            if (queues_[i].publish()) transport_->queue_interrupt(i);
            broken = queues_[i].is_broken() || broken;
        }
        if (!broken) return true;
        device.stop();
        transport_->needs_reset();
        return false;
    }

    // The driver reads the configuration again, if there is a driver.
    void tell_of_configuration() {
        if (open_) transport_->config_interrupt();
    }

private:
    std::array<Queue<M>, Most> queues_{};
    Transport* transport_ = nullptr;
    bool open_ = false;
};

}  // namespace antler::device::virtio
